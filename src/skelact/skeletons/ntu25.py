"""Kinect v2, 25 joints: NTU RGB+D, PKU-MMD.

Joint order and parents as NTU RGB+D publishes them; the root is the spine at the shoulders.
"""

from skelact.skeletons.skeleton import from_table

NTU25 = from_table(
    "ntu25",
    [
        ("pelvis", "spine", "trunk", (0.00, 0.95, 0.00)),
        ("spine", "chest", "trunk", (0.00, 1.20, 0.00)),
        ("neck", "chest", "trunk", (0.00, 1.48, 0.00)),
        ("head", "neck", "trunk", (0.00, 1.62, -0.02)),
        ("left_shoulder", "chest", "left_arm", (-0.18, 1.38, 0.00)),
        ("left_elbow", "left_shoulder", "left_arm", (-0.22, 1.10, 0.02)),
        ("left_wrist", "left_elbow", "left_arm", (-0.24, 0.86, -0.02)),
        ("left_hand", "left_wrist", "left_arm", (-0.24, 0.79, -0.03)),
        ("right_shoulder", "chest", "right_arm", (0.18, 1.38, 0.00)),
        ("right_elbow", "right_shoulder", "right_arm", (0.22, 1.10, 0.02)),
        ("right_wrist", "right_elbow", "right_arm", (0.24, 0.86, -0.02)),
        ("right_hand", "right_wrist", "right_arm", (0.24, 0.79, -0.03)),
        ("left_hip", "pelvis", "left_leg", (-0.09, 0.93, 0.00)),
        ("left_knee", "left_hip", "left_leg", (-0.10, 0.50, -0.01)),
        ("left_ankle", "left_knee", "left_leg", (-0.10, 0.09, 0.02)),
        ("left_foot", "left_ankle", "left_leg", (-0.11, 0.03, -0.10)),
        ("right_hip", "pelvis", "right_leg", (0.09, 0.93, 0.00)),
        ("right_knee", "right_hip", "right_leg", (0.10, 0.50, -0.01)),
        ("right_ankle", "right_knee", "right_leg", (0.10, 0.09, 0.02)),
        ("right_foot", "right_ankle", "right_leg", (0.11, 0.03, -0.10)),
        ("chest", "chest", "trunk", (0.00, 1.40, 0.00)),
        ("left_hand_tip", "left_thumb", "left_arm", (-0.24, 0.71, -0.04)),
        ("left_thumb", "left_hand", "left_arm", (-0.22, 0.77, -0.07)),
        ("right_hand_tip", "right_thumb", "right_arm", (0.24, 0.71, -0.04)),
        ("right_thumb", "right_hand", "right_arm", (0.22, 0.77, -0.07)),
    ],
    centre="spine",
    up="+y",
    unit="m",
)
