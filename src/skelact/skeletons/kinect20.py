"""Kinect v1, 20 joints: NW-UCLA and, in another order, UTD-MHAD."""

from skelact.skeletons.skeleton import from_table

KINECT20 = from_table(
    "kinect20",
    [
        ("pelvis", "pelvis", "trunk", (0.00, 0.97, 0.00)),
        ("spine", "pelvis", "trunk", (0.00, 1.03, 0.00)),
        ("chest", "spine", "trunk", (0.00, 1.40, 0.00)),
        ("head", "chest", "trunk", (0.00, 1.60, -0.02)),
        ("left_shoulder", "chest", "left_arm", (-0.18, 1.36, 0.00)),
        ("left_elbow", "left_shoulder", "left_arm", (-0.22, 1.08, 0.02)),
        ("left_wrist", "left_elbow", "left_arm", (-0.24, 0.84, -0.02)),
        ("left_hand", "left_wrist", "left_arm", (-0.24, 0.76, -0.03)),
        ("right_shoulder", "chest", "right_arm", (0.18, 1.36, 0.00)),
        ("right_elbow", "right_shoulder", "right_arm", (0.22, 1.08, 0.02)),
        ("right_wrist", "right_elbow", "right_arm", (0.24, 0.84, -0.02)),
        ("right_hand", "right_wrist", "right_arm", (0.24, 0.76, -0.03)),
        ("left_hip", "pelvis", "left_leg", (-0.09, 0.91, 0.00)),
        ("left_knee", "left_hip", "left_leg", (-0.10, 0.50, -0.01)),
        ("left_ankle", "left_knee", "left_leg", (-0.10, 0.10, 0.02)),
        ("left_foot", "left_ankle", "left_leg", (-0.11, 0.04, -0.08)),
        ("right_hip", "pelvis", "right_leg", (0.09, 0.91, 0.00)),
        ("right_knee", "right_hip", "right_leg", (0.10, 0.50, -0.01)),
        ("right_ankle", "right_knee", "right_leg", (0.10, 0.10, 0.02)),
        ("right_foot", "right_ankle", "right_leg", (0.11, 0.04, -0.08)),
    ],
    centre="spine",
    up="+y",
    unit="m",
)
