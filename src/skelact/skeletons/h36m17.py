"""Human3.6M, 17 joints in space: what most estimators of poses in space give.

Source: Ionescu et al., "Human3.6M", TPAMI 2014, in the order of Pavllo et al., "3D human pose estimation in video
with temporal convolutions and semi-supervised training", CVPR 2019.
"""

from skelact.skeletons.skeleton import from_table

H36M17 = from_table(
    "h36m17",
    [
        ("pelvis", "pelvis", "trunk", (0.00, 0.93, 0.00)),
        ("right_hip", "pelvis", "right_leg", (0.13, 0.93, 0.00)),
        ("right_knee", "right_hip", "right_leg", (0.12, 0.50, -0.01)),
        ("right_ankle", "right_knee", "right_leg", (0.12, 0.08, 0.02)),
        ("left_hip", "pelvis", "left_leg", (-0.13, 0.93, 0.00)),
        ("left_knee", "left_hip", "left_leg", (-0.12, 0.50, -0.01)),
        ("left_ankle", "left_knee", "left_leg", (-0.12, 0.08, 0.02)),
        ("spine", "pelvis", "trunk", (0.00, 1.17, 0.00)),
        ("chest", "spine", "trunk", (0.00, 1.42, 0.00)),
        ("nose", "chest", "trunk", (0.00, 1.56, -0.08)),
        ("head", "nose", "trunk", (0.00, 1.66, -0.02)),
        ("left_shoulder", "chest", "left_arm", (-0.15, 1.39, 0.00)),
        ("left_elbow", "left_shoulder", "left_arm", (-0.20, 1.12, 0.02)),
        ("left_wrist", "left_elbow", "left_arm", (-0.22, 0.87, -0.02)),
        ("right_shoulder", "chest", "right_arm", (0.15, 1.39, 0.00)),
        ("right_elbow", "right_shoulder", "right_arm", (0.20, 1.12, 0.02)),
        ("right_wrist", "right_elbow", "right_arm", (0.22, 0.87, -0.02)),
    ],
    centre="pelvis",
    up="+y",
    unit="m",
)
