"""The data sets that stream3d can be trained and measured on: where they come from, their terms, where they go.

Nothing here is downloaded for anybody: several sets ask everyone to register and to accept their terms themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

CMU_THANKS = (
    "The data used in this project was obtained from mocap.cs.cmu.edu. The database was created with funding from NSF"
    " EIA-0196217."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSet:
    """``files`` are globs below --data DIR; ``ships`` says whether weights trained on the set may be given away.

    ``tried`` says what its reader has been run on: the real files, or only such as the tests write.
    """

    name: str
    title: str
    where: str
    terms: str
    ships: str
    files: tuple[str, ...]
    tried: str


_REAL = "the real files"
_WRITTEN = "files written in tests after public readers of the format; never the real ones"

CATALOGUE = (
    DataSet(
        name="cmu",
        title="CMU motion capture: 3D motion",
        where="mocap.cs.cmu.edu, ASF/AMC of the trials in train/data/trials.txt; `--gather DOWNLOADS` sorts them in."
        " Salsa and Indian dance (cmu_bvh_acrnn) are of the acLSTM repository, basketball on a character"
        " (cmu_bvh_iclone) may be CMU's own subject 06 instead",
        terms=f'free for all uses; the raw data may not be resold; thanks asked for: "{CMU_THANKS}"',
        ships="yes",
        files=("mocap/cmu_*.tar.xz", "mocap/cmu_*/"),
        tried=_REAL,
    ),
    DataSet(
        name="ui_prmd",
        title="UI-PRMD, rehabilitation exercises: markers",
        where="University of Idaho, webpages.uidaho.edu/ui-prmd, segmented movements, Vicon positions; `--gather`",
        terms="Open Data Commons PDDL 1.0",
        ships="yes",
        files=("mocap/ui_prmd_vicon.tar.xz", "mocap/ui_prmd_vicon/"),
        tried=_REAL,
    ),
    DataSet(
        name="animated_drawings",
        title="Animated Drawings: two of its six BVH motions; the others have no trustworthy unit",
        where="github.com/facebookresearch/AnimatedDrawings, examples/bvh; `--gather`",
        terms="MIT",
        ships="yes",
        files=("mocap/animated_drawings_mit.tar.xz", "mocap/animated_drawings_mit/"),
        tried=_REAL,
    ),
    DataSet(
        name="hdm05",
        title="HDM05: 3D motion of another lab",
        where="Universität Bonn, resources.mpi-inf.mpg.de/HDM05, cut ASF/AMC; `--gather`",
        terms="CC BY-SA 3.0 (share-alike)",
        ships="measured on, never trained on",
        files=("mocap/hdm05_asfamc.tar.xz", "mocap/hdm05_asfamc/"),
        tried=_REAL,
    ),
    DataSet(
        name="motion",
        title="your own motion: BVH, ASF/AMC, C3D (Plug-in-Gait markers or joint centres), any unit, any axis up",
        where="wherever it was captured; train.mocap.files.read_motion",
        terms="yours",
        ships="as its terms say",
        files=("mocap/own/**/*.bvh", "mocap/own/**/*.amc", "mocap/own/**/*.c3d"),
        tried="real BVH and ASF/AMC; C3D only as ezc3d writes it in tests",
    ),
    DataSet(
        name="coco",
        title="COCO person keypoints: 2D",
        where="cocodataset.org, 2017 train/val annotations: person_keypoints_*.json, of which `--gather` makes"
        " coco17_kpts_px.npz",
        terms="annotations CC BY 4.0; no photographs are used",
        ships="yes",
        files=("poses2d/coco17_kpts_px.npz", "**/person_keypoints_*.json"),
        tried=_REAL,
    ),
    DataSet(
        name="mpii",
        title="MPII Human Pose: 2D",
        where="human-pose.mpi-inf.mpg.de: mpii_human_pose_v1_u12_1.mat, of which `--gather` makes mpii_poses.npy (those"
        " with all 16 joints) and mpii_image_name.txt; the hourglass networks' train.h5, valid.h5; mpii_dataset.csv",
        terms="simplified BSD in the annotations' archive, research elsewhere on its pages",
        ships="yes, and its card says so",
        files=("poses2d/mpii_*.mat", "poses2d/mpii_*.h5", "poses2d/mpii_poses.npy", "poses2d/mpii_*.csv"),
        tried=".h5 (validation), .npy, .csv: the real files; .mat and JSON: such as tests write, never the real ones",
    ),
    DataSet(
        name="openpose",
        title="2D poses of OpenPose, a folder of JSON per video",
        where="your own videos",
        terms="yours",
        ships="as its terms say",
        files=("openpose/*/",),
        tried=_WRITTEN,
    ),
    DataSet(
        name="human36m",
        title="Human3.6M: 3D and 2D, paired",
        where="vision.imar.ro/human3.6m after registration; the .npz pair by VideoPose3D's data/prepare_data_h36m.py;"
        " or an .h5 with 2d_keypoints and 3d_keypoints",
        terms="academic use only, no redistribution",
        ships="no",
        files=("human36m/data_3d_h36m.npz", "human36m/data_2d_h36m_*.npz", "human36m/*.h5"),
        tried=_WRITTEN,
    ),
    DataSet(
        name="mpi_inf_3dhp",
        title="MPI-INF-3DHP: 3D and 2D, paired",
        where="vcai.mpi-inf.mpg.de/3dhp-dataset after accepting its terms: S*/Seq*/annot.mat, TS*/annot_data.mat; or"
        " data_train_3dhp.npz and data_test_3dhp.npz as P-STMO makes them",
        terms="non-commercial research, no redistribution",
        ships="no",
        files=("mpi_inf_3dhp/**/annot.mat", "mpi_inf_3dhp/**/annot_data.mat", "mpi_inf_3dhp/data_*_3dhp.npz"),
        tried=_WRITTEN,
    ),
    DataSet(
        name="humaneva",
        title="HumanEva-I: 3D and 2D, paired",
        where="humaneva.is.tue.mpg.de after registration; the .npz pair by VideoPose3D's data/prepare_data_humaneva.py",
        terms="research use only, no redistribution",
        ships="no",
        files=("humaneva/data_3d_humaneva*.npz", "humaneva/data_2d_humaneva*.npz"),
        tried=_WRITTEN,
    ),
)
