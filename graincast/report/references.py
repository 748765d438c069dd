"""What the paragraph of methods cites. A reference is listed where a text cites it by author and year."""

REFERENCES = {
    "Akiba et al. 2019": (
        "T. Akiba et al. Optuna: a next-generation hyperparameter optimization framework. KDD, 2019.",
        "https://arxiv.org/abs/1907.10902",
    ),
    "Bergstra et al. 2011": (
        "J. Bergstra et al. Algorithms for hyper-parameter optimization. NeurIPS, 2011.",
        "",
    ),
    "Brody et al. 2022": (
        "S. Brody, U. Alon, E. Yahav. How attentive are graph attention networks? ICLR, 2022.",
        "https://arxiv.org/abs/2105.14491",
    ),
    "Cohn & Holm 2024": (
        "R. Cohn, E. Holm. Graph convolutional network for predicting abnormal grain growth in Monte Carlo simulations "
        "of microstructural evolution. Scientific Reports, 2024.",
        "https://arxiv.org/abs/2110.09326",
    ),
    "Corso et al. 2020": (
        "G. Corso et al. Principal neighbourhood aggregation for graph nets. NeurIPS, 2020.",
        "https://arxiv.org/abs/2004.05718",
    ),
    "DeCost & Holm 2017": (
        "B. L. DeCost, E. A. Holm. Phenomenology of abnormal grain growth in systems with nonuniform grain boundary "
        "mobility. Metallurgical and Materials Transactions A 48, 2017.",
        "",
    ),
    "Fey & Lenssen 2019": (
        "M. Fey, J. E. Lenssen. Fast graph representation learning with PyTorch Geometric. ICLR workshop, 2019.",
        "https://arxiv.org/abs/1903.02428",
    ),
    "Hesterberg 2015": (
        "T. C. Hesterberg. What teachers should know about the bootstrap. The American Statistician 69, 371, 2015.",
        "",
    ),
    "Hu et al. 2020": (
        "W. Hu et al. Strategies for pre-training graph neural networks. ICLR, 2020.",
        "https://arxiv.org/abs/1905.12265",
    ),
    "Kingma & Ba 2015": (
        "D. P. Kingma, J. Ba. Adam: a method for stochastic optimization. ICLR, 2015.",
        "https://arxiv.org/abs/1412.6980",
    ),
    "Mölder et al. 2021": (
        "F. Mölder et al. Sustainable data analysis with Snakemake. F1000Research 10, 33, 2021.",
        "",
    ),
    "Nadeau & Bengio 2003": (
        "C. Nadeau, Y. Bengio. Inference for the generalization error. Machine Learning 52, 239, 2003.",
        "",
    ),
    "Paszke et al. 2019": (
        "A. Paszke et al. PyTorch: an imperative style, high-performance deep learning library. NeurIPS, 2019.",
        "https://arxiv.org/abs/1912.01703",
    ),
    "Pedregosa et al. 2011": (
        "F. Pedregosa et al. Scikit-learn: machine learning in Python. Journal of Machine Learning Research 12, 2825, "
        "2011.",
        "",
    ),
    "Platt 1999": (
        "J. Platt. Probabilistic outputs for support vector machines and comparisons to regularized likelihood "
        "methods. Advances in Large Margin Classifiers, 1999.",
        "",
    ),
    "Rossi et al. 2020": (
        "E. Rossi et al. SIGN: scalable inception graph neural networks. 2020.",
        "https://arxiv.org/abs/2004.11198",
    ),
    "Simonyan & Zisserman 2015": (
        "K. Simonyan, A. Zisserman. Very deep convolutional networks for large-scale image recognition. ICLR, 2015.",
        "https://arxiv.org/abs/1409.1556",
    ),
    "Skellam 1948": (
        "J. G. Skellam. A probability distribution derived from the binomial distribution by regarding the probability "
        "of success as variable between the sets of trials. Journal of the Royal Statistical Society B 10, 257, 1948.",
        "",
    ),
    "Veličković et al. 2018": (
        "P. Veličković et al. Graph attention networks. ICLR, 2018.",
        "https://arxiv.org/abs/1710.10903",
    ),
    "Wolpert 1992": (
        "D. H. Wolpert. Stacked generalization. Neural Networks 5, 241, 1992.",
        "",
    ),
    "Wu et al. 2019": (
        "F. Wu et al. Simplifying graph convolutional networks. ICML, 2019.",
        "https://arxiv.org/abs/1902.07153",
    ),
}
"""What is listed, and a link to it or "", by author and year."""


def cited(text: str) -> list[tuple[str, str, str]]:
    """Author and year, what is listed and the link of each reference that a text cites, in alphabetical order."""
    return [(key, *REFERENCES[key]) for key in sorted(REFERENCES) if key in text]
