"""Reports on measurements, for boards of education: one HTML file that needs nothing else."""
