"""What is measured of a segmentation."""
