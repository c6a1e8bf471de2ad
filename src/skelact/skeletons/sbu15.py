"""OpenNI / NITE, 15 joints: SBU Kinect Interaction."""

from skelact.skeletons.skeleton import from_table

SBU15 = from_table(
    "sbu15",
    [
        ("head", "neck", "trunk", (0.00, 1.60, -0.02)),
        ("neck", "torso", "trunk", (0.00, 1.42, 0.00)),
        ("torso", "torso", "trunk", (0.00, 1.17, 0.00)),
        ("left_shoulder", "neck", "left_arm", (-0.17, 1.40, 0.00)),
        ("left_elbow", "left_shoulder", "left_arm", (-0.22, 1.10, 0.02)),
        ("left_hand", "left_elbow", "left_arm", (-0.24, 0.80, -0.02)),
        ("right_shoulder", "neck", "right_arm", (0.17, 1.40, 0.00)),
        ("right_elbow", "right_shoulder", "right_arm", (0.22, 1.10, 0.02)),
        ("right_hand", "right_elbow", "right_arm", (0.24, 0.80, -0.02)),
        ("left_hip", "torso", "left_leg", (-0.10, 0.92, 0.00)),
        ("left_knee", "left_hip", "left_leg", (-0.10, 0.50, -0.01)),
        ("left_foot", "left_knee", "left_leg", (-0.10, 0.06, -0.02)),
        ("right_hip", "torso", "right_leg", (0.10, 0.92, 0.00)),
        ("right_knee", "right_hip", "right_leg", (0.10, 0.50, -0.01)),
        ("right_foot", "right_knee", "right_leg", (0.10, 0.06, -0.02)),
    ],
    centre="torso",
    up="+y",
    unit="m",
)
