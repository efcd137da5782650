import subprocess

from breze_like.runs import versions


def test_the_commit_is_that_of_the_code(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=e"]
        command = ["git", "-C", str(tmp_path), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    monkeypatch.setattr(versions, "CHECKOUT", tmp_path)
    assert versions.versions()["commit"] is None
    git("init")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "--message", "first")
    clean = versions.versions()["commit"]
    assert len(clean) >= 7 and git("rev-parse", "HEAD").startswith(clean)
    (tmp_path / "file").write_text("two")
    assert versions.versions()["commit"] == f"{clean}-dirty"


def test_the_code_is_where_the_checkout_is_looked_for(pytestconfig):
    assert versions.CHECKOUT == pytestconfig.rootpath


def test_a_package_that_is_not_there_has_no_version(monkeypatch):
    def missing(name):
        raise versions.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(versions.metadata, "version", missing)
    assert versions.versions()["jax"] is None
