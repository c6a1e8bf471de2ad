"""COCO key points with a neck, 18 joints in the picture: the older model of OpenPose.

Source: Cao et al., "OpenPose", TPAMI 2019, output format "COCO".
"""

from skelact.skeletons.skeleton import from_table

COCO18 = from_table(
    "coco18",
    [
        ("nose", "neck", "trunk", (0.00, 1.62, -0.12)),
        ("neck", "neck", "trunk", (0.00, 1.40, 0.00)),
        ("right_shoulder", "neck", "right_arm", (0.18, 1.38, 0.00)),
        ("right_elbow", "right_shoulder", "right_arm", (0.22, 1.10, 0.02)),
        ("right_wrist", "right_elbow", "right_arm", (0.24, 0.85, -0.02)),
        ("left_shoulder", "neck", "left_arm", (-0.18, 1.38, 0.00)),
        ("left_elbow", "left_shoulder", "left_arm", (-0.22, 1.10, 0.02)),
        ("left_wrist", "left_elbow", "left_arm", (-0.24, 0.85, -0.02)),
        ("right_hip", "neck", "right_leg", (0.10, 0.92, 0.00)),
        ("right_knee", "right_hip", "right_leg", (0.10, 0.50, -0.01)),
        ("right_ankle", "right_knee", "right_leg", (0.10, 0.09, 0.02)),
        ("left_hip", "neck", "left_leg", (-0.10, 0.92, 0.00)),
        ("left_knee", "left_hip", "left_leg", (-0.10, 0.50, -0.01)),
        ("left_ankle", "left_knee", "left_leg", (-0.10, 0.09, 0.02)),
        ("right_eye", "nose", "trunk", (0.03, 1.66, -0.10)),
        ("left_eye", "nose", "trunk", (-0.03, 1.66, -0.10)),
        ("right_ear", "right_eye", "trunk", (0.08, 1.63, 0.00)),
        ("left_ear", "left_eye", "trunk", (-0.08, 1.63, 0.00)),
    ],
    centre="neck",
    up="-y",
    unit="px",
)
