"""Limits of control groups and memory, read from trees of files as kernels and container runtimes lay them out."""

from __future__ import annotations

import pytest

from plait._core.budget import available_cores
from plait._core.cgroup import below, cpu_quota, memory_left, memory_limit, parse_cpu_max, parse_groups, parse_mounts
from plait._core.how_many import in_units
from plait._core.memory import available_memory_bytes, memory_limit_bytes, parse_meminfo

GIB = 1 << 30
V2 = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_CPU = "32 31 0:29 {group} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
V1_MEMORY = "35 31 0:32 {group} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
SYSTEMD = "36 31 0:33 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
UNIFIED = "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
UNLIMITED = "9223372036854771712"


@pytest.fixture
def tree(tmp_path):

    def build(mounts: str, groups: str, files: dict[str, str]) -> str:
        written = {"proc/self/mountinfo": "21 1 0:1 / / rw - ext4 /dev/sda rw\n" + mounts, "proc/self/cgroup": groups}
        for path, text in {**written, **{f"sys/fs/cgroup/{path}": text for path, text in files.items()}}.items():
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return str(tmp_path)

    return build


QUOTAS = {
    "version 2, own group": (V2, "0::/user/job\n", {"user/job/cpu.max": "150000 100000\n"}, 1.5),
    "version 2, a parent's limit": (
        V2,
        "0::/user/job/step\n",
        {"user/cpu.max": "200000 100000", "user/job/step/cpu.max": "max 100000"},
        2.0,
    ),
    "version 2, the tightest of several": (
        V2,
        "0::/a/b\n",
        {"a/cpu.max": "50000 100000", "a/b/cpu.max": "400000 100000"},
        0.5,
    ),
    "version 2, container that sees its group as root": (V2, "0::/\n", {"cpu.max": "300000 100000"}, 3.0),
    "version 2, own group outside the namespace": (V2, "0::/../other\n", {"cpu.max": "300000 100000"}, 3.0),
    "version 2, mounted group below the root": (
        V2.replace(" / /sys", " /kubepods/pod1 /sys"),
        "0::/kubepods/pod1/main\n",
        {"main/cpu.max": "100000 100000", "cpu.max": "250000 100000"},
        1.0,
    ),
    "version 2, the host's path shown in a container": (V2, "0::/docker/3f2a\n", {"cpu.max": "300000 100000"}, 3.0),
    "version 2, a sibling's limit does not bind": (V2, "0::/a\n", {"b/cpu.max": "10000 100000"}, None),
    "version 2, no limit": (V2, "0::/a\n", {"a/cpu.max": "max 100000"}, None),
    "version 1, own group": (
        V1_CPU.format(group="/"),
        "3:cpu,cpuacct:/job\n",
        {"cpu,cpuacct/job/cpu.cfs_quota_us": "50000\n", "cpu,cpuacct/job/cpu.cfs_period_us": "20000\n"},
        2.5,
    ),
    "version 1, a parent's limit": (
        V1_CPU.format(group="/"),
        "3:cpu,cpuacct:/job/step\n",
        {
            "cpu,cpuacct/job/cpu.cfs_quota_us": "50000",
            "cpu,cpuacct/job/cpu.cfs_period_us": "50000",
            "cpu,cpuacct/job/step/cpu.cfs_quota_us": "-1",
            "cpu,cpuacct/job/step/cpu.cfs_period_us": "50000",
        },
        1.0,
    ),
    "version 1, container with the limited group as root": (
        V1_CPU.format(group="/docker/3f2a"),
        "3:cpu,cpuacct:/docker/3f2a\n",
        {"cpu,cpuacct/cpu.cfs_quota_us": "150000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
        1.5,
    ),
    "version 1, child group inside such a container": (
        V1_CPU.format(group="/docker/3f2a"),
        "3:cpu,cpuacct:/docker/3f2a/app\n",
        {
            "cpu,cpuacct/app/cpu.cfs_quota_us": "70000",
            "cpu,cpuacct/app/cpu.cfs_period_us": "100000",
            "cpu,cpuacct/cpu.cfs_quota_us": "150000",
            "cpu,cpuacct/cpu.cfs_period_us": "100000",
        },
        0.7,
    ),
    "version 1 beside an unused version 2": (
        V1_CPU.format(group="/") + SYSTEMD + UNIFIED,
        "3:cpu,cpuacct:/\n1:name=systemd:/x\n0::/x\n",
        {"cpu,cpuacct/cpu.cfs_quota_us": "150000", "cpu,cpuacct/cpu.cfs_period_us": "100000"},
        1.5,
    ),
    "a blank in the mount point": (
        V2.replace("/sys/fs/cgroup", r"/sys/fs/cgroup/with\040blank"),
        "0::/a\n",
        {"with blank/a/cpu.max": "100000 100000"},
        1.0,
    ),
    "nothing mounted": ("", "0::/a\n", {"a/cpu.max": "100000 100000"}, None),
    "garbage": (V2 + "x\n - cgroup\n", "zzz\n0::/a\n", {"a/cpu.max": "lots"}, None),
}


@pytest.mark.parametrize("name", QUOTAS)
def test_cpu_quota(name, tree):
    mounts, groups, files, quota = QUOTAS[name]
    assert cpu_quota(tree(mounts, groups, files)) == quota


def test_quota_reaches_the_reason(tree, monkeypatch):
    for variable in ("PYTHON_CPU_COUNT", "PLAIT_CORES", "SLURM_CPUS_PER_TASK"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: {0, 1, 2, 3}, raising=False)
    cores = available_cores(root=tree(V2, "0::/a\n", {"a/cpu.max": "150000 100000"}))
    assert (cores.count, cores.reason) == (2, "cgroup quota 150 % of 4 cores")


MEMORY = {
    # mounts, groups, files, limit, left
    "version 2, the tightest": (
        V2,
        "0::/a/b\n",
        {
            "a/memory.max": f"{2 * GIB}\n",
            "a/memory.current": f"{GIB}\n",
            "a/memory.stat": f"anon 5\ninactive_file {GIB // 2}\n",
            "a/b/memory.max": f"{4 * GIB}\n",
            "a/b/memory.current": f"{GIB // 4}\n",
        },
        2 * GIB,
        2 * GIB - GIB // 2,
    ),
    "version 2, throttled above memory.high": (
        V2,
        "0::/a\n",
        {"a/memory.max": "max", "a/memory.high": f"{GIB}", "a/memory.current": "0"},
        GIB,
        GIB,
    ),
    "version 2, above the limit": (V2, "0::/\n", {"memory.max": f"{GIB}", "memory.current": f"{2 * GIB}"}, GIB, 0),
    "version 1": (
        V1_MEMORY.format(group="/docker/3f2a"),
        "4:memory:/docker/3f2a\n",
        {
            "memory/memory.limit_in_bytes": f"{GIB}\n",
            "memory/memory.usage_in_bytes": f"{GIB // 2}\n",
            "memory/memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB // 4}\n",
        },
        GIB,
        GIB - GIB // 4,
    ),
    "version 1, no limit": (
        V1_MEMORY.format(group="/"),
        "4:memory:/a\n",
        {"memory/a/memory.limit_in_bytes": UNLIMITED, "memory/a/memory.usage_in_bytes": "5"},
        None,
        None,
    ),
}


@pytest.mark.parametrize("name", MEMORY)
def test_memory(name, tree):
    mounts, groups, files, limit, left = MEMORY[name]
    root = tree(mounts, groups, files)
    assert memory_limit(root) == limit
    assert memory_left(root) == left


def test_the_machine_and_its_groups_both_bind(tree, tmp_path):
    root = tree(V2, "0::/\n", {"memory.max": f"{2 * GIB}", "memory.current": "0"})
    (tmp_path / "proc/meminfo").write_text(
        "MemTotal: 1048576 kB\nMemFree: 5 kB\nMemAvailable:  524288 kB\nHugePages_Total: 0\n"
    )
    assert memory_limit_bytes(root) == GIB
    assert available_memory_bytes(root) == GIB // 2


def test_this_machine_has_memory():
    limit, left = memory_limit_bytes(), available_memory_bytes()
    assert limit is not None
    assert limit > 1 << 26
    assert left is None or 0 < left <= limit


def test_a_tree_without_any_of_it_sets_no_limit(tmp_path):
    assert cpu_quota(str(tmp_path)) is None
    assert memory_limit_bytes(str(tmp_path)) is None
    assert available_memory_bytes(str(tmp_path)) is None


@pytest.mark.parametrize(
    ("group", "own", "steps"),
    [
        ("/", "/", []),
        ("/", "/a/b", ["a", "b"]),
        ("/a", "/a/b", ["b"]),
        ("/a", "/ab", []),
        ("/a", "/", []),
        ("/..", "/", []),
    ],
)
def test_the_way_from_the_mounted_group_to_the_own_one(group, own, steps):
    assert below(group, own) == steps


def test_parsers_keep_their_head():
    assert parse_groups("4:memory:/a:b\n0::/c\n") == {"memory": "/a:b", "": "/c"}
    assert parse_mounts("") == []
    assert parse_cpu_max("") is None
    assert parse_cpu_max("100000") == 1.0
    assert parse_cpu_max("100000 0") is None
    assert parse_meminfo("x\nMemTotal:\n") == (None, None)
    assert [in_units(n) for n in (5, 2048, 150 << 20, 3 << 30, 5 << 40)] == [
        "5 B",
        "2 KiB",
        "150 MiB",
        "3 GiB",
        "5 TiB",
    ]
