"""What runs a network: torch, ONNX Runtime, OpenVINO; and the export that the latter two need."""
