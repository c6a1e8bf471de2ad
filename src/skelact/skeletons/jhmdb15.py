"""J-HMDB, 15 joints in the picture, marked by hand.

Source: Jhuang et al., "Towards understanding action recognition", ICCV 2013.
"""

from skelact.skeletons.skeleton import from_table

JHMDB15 = from_table(
    "jhmdb15",
    [
        ("neck", "torso", "trunk", (0.00, 1.42, 0.00)),
        ("torso", "torso", "trunk", (0.00, 1.12, 0.00)),
        ("head", "neck", "trunk", (0.00, 1.60, -0.02)),
        ("right_shoulder", "neck", "right_arm", (0.18, 1.38, 0.00)),
        ("left_shoulder", "neck", "left_arm", (-0.18, 1.38, 0.00)),
        ("right_hip", "torso", "right_leg", (0.10, 0.92, 0.00)),
        ("left_hip", "torso", "left_leg", (-0.10, 0.92, 0.00)),
        ("right_elbow", "right_shoulder", "right_arm", (0.22, 1.10, 0.02)),
        ("left_elbow", "left_shoulder", "left_arm", (-0.22, 1.10, 0.02)),
        ("right_knee", "right_hip", "right_leg", (0.10, 0.50, -0.01)),
        ("left_knee", "left_hip", "left_leg", (-0.10, 0.50, -0.01)),
        ("right_wrist", "right_elbow", "right_arm", (0.24, 0.85, -0.02)),
        ("left_wrist", "left_elbow", "left_arm", (-0.24, 0.85, -0.02)),
        ("right_ankle", "right_knee", "right_leg", (0.10, 0.09, 0.02)),
        ("left_ankle", "left_knee", "left_leg", (-0.10, 0.09, 0.02)),
    ],
    centre="torso",
    up="-y",
    unit="px",
)
