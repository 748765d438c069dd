"""The report: results as one HTML file that needs nothing else; a module per section."""
