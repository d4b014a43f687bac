"""What is fitted on validation rows once weights are final: calibration and thresholds."""
