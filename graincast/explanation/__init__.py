"""What drove a trained model's predictions: attributions to grains and features, importance, hop radius."""
