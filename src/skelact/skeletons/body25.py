"""BODY-25, 25 joints in the picture: the usual model of OpenPose, with a neck, a pelvis and feet.

Source: Cao et al., "OpenPose", TPAMI 2019, output format "BODY_25".
"""

from skelact.skeletons.skeleton import from_table

BODY25 = from_table(
    "body25",
    [
        ("nose", "neck", "trunk", (0.00, 1.62, -0.12)),
        ("neck", "pelvis", "trunk", (0.00, 1.40, 0.00)),
        ("right_shoulder", "neck", "right_arm", (0.18, 1.38, 0.00)),
        ("right_elbow", "right_shoulder", "right_arm", (0.22, 1.10, 0.02)),
        ("right_wrist", "right_elbow", "right_arm", (0.24, 0.85, -0.02)),
        ("left_shoulder", "neck", "left_arm", (-0.18, 1.38, 0.00)),
        ("left_elbow", "left_shoulder", "left_arm", (-0.22, 1.10, 0.02)),
        ("left_wrist", "left_elbow", "left_arm", (-0.24, 0.85, -0.02)),
        ("pelvis", "pelvis", "trunk", (0.00, 0.93, 0.00)),
        ("right_hip", "pelvis", "right_leg", (0.10, 0.92, 0.00)),
        ("right_knee", "right_hip", "right_leg", (0.10, 0.50, -0.01)),
        ("right_ankle", "right_knee", "right_leg", (0.10, 0.09, 0.02)),
        ("left_hip", "pelvis", "left_leg", (-0.10, 0.92, 0.00)),
        ("left_knee", "left_hip", "left_leg", (-0.10, 0.50, -0.01)),
        ("left_ankle", "left_knee", "left_leg", (-0.10, 0.09, 0.02)),
        ("right_eye", "nose", "trunk", (0.03, 1.66, -0.10)),
        ("left_eye", "nose", "trunk", (-0.03, 1.66, -0.10)),
        ("right_ear", "right_eye", "trunk", (0.08, 1.63, 0.00)),
        ("left_ear", "left_eye", "trunk", (-0.08, 1.63, 0.00)),
        ("left_big_toe", "left_ankle", "left_leg", (-0.12, 0.03, -0.14)),
        ("left_small_toe", "left_big_toe", "left_leg", (-0.16, 0.03, -0.11)),
        ("left_heel", "left_ankle", "left_leg", (-0.10, 0.03, 0.06)),
        ("right_big_toe", "right_ankle", "right_leg", (0.12, 0.03, -0.14)),
        ("right_small_toe", "right_big_toe", "right_leg", (0.16, 0.03, -0.11)),
        ("right_heel", "right_ankle", "right_leg", (0.10, 0.03, 0.06)),
    ],
    centre="pelvis",
    up="-y",
    unit="px",
)
