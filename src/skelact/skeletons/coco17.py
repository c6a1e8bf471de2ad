"""COCO key points, 17 joints in the picture: what most pose estimators give, and pyskl and mmaction2 store.

There is neither neck nor pelvis: the nose is the root, shoulders hang from it and hips from the shoulders.

Source: Lin et al., "Microsoft COCO", ECCV 2014, for the order of joints.
"""

from skelact.skeletons.skeleton import from_table

COCO17 = from_table(
    "coco17",
    [
        ("nose", "nose", "trunk", (0.00, 1.62, -0.12)),
        ("left_eye", "nose", "trunk", (-0.03, 1.66, -0.10)),
        ("right_eye", "nose", "trunk", (0.03, 1.66, -0.10)),
        ("left_ear", "left_eye", "trunk", (-0.08, 1.63, 0.00)),
        ("right_ear", "right_eye", "trunk", (0.08, 1.63, 0.00)),
        ("left_shoulder", "nose", "left_arm", (-0.18, 1.38, 0.00)),
        ("right_shoulder", "nose", "right_arm", (0.18, 1.38, 0.00)),
        ("left_elbow", "left_shoulder", "left_arm", (-0.22, 1.10, 0.02)),
        ("right_elbow", "right_shoulder", "right_arm", (0.22, 1.10, 0.02)),
        ("left_wrist", "left_elbow", "left_arm", (-0.24, 0.85, -0.02)),
        ("right_wrist", "right_elbow", "right_arm", (0.24, 0.85, -0.02)),
        ("left_hip", "left_shoulder", "left_leg", (-0.10, 0.92, 0.00)),
        ("right_hip", "right_shoulder", "right_leg", (0.10, 0.92, 0.00)),
        ("left_knee", "left_hip", "left_leg", (-0.10, 0.50, -0.01)),
        ("right_knee", "right_hip", "right_leg", (0.10, 0.50, -0.01)),
        ("left_ankle", "left_knee", "left_leg", (-0.10, 0.09, 0.02)),
        ("right_ankle", "right_knee", "right_leg", (0.10, 0.09, 0.02)),
    ],
    centre="nose",
    up="-y",
    unit="px",
)
