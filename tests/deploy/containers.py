#!/usr/bin/env python3
"""containers.py DEPLOY PROGRAM OPENAPI: what deploy/kubernetes and deploy/container say fits the program and each other.

The configuration is checked as a node lays it out: a folder with the file as a link into a folder of another name."""
import json
import os
import subprocess
import sys
import tempfile

import yaml

deploy, program, openapi = sys.argv[1:]
failed = []


def expect(condition, message):
    if not condition:
        failed.append(message)


def seconds(text):
    return float(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


with open(f"{deploy}/kubernetes/baton.yaml") as f:
    objects = {o["kind"]: o for o in yaml.safe_load_all(f)}
expect(set(objects) == {"ConfigMap", "Deployment", "PodDisruptionBudget"}, f"objects: {set(objects)}")
pod = objects["Deployment"]["spec"]["template"]["spec"]
labels = objects["Deployment"]["spec"]["template"]["metadata"]["labels"]
(container,) = pod["containers"]
environment = {e["name"]: e.get("value", "baton-7d9f-x2x4") for e in container["env"]}
mounts = {m["name"]: m["mountPath"] for m in container["volumeMounts"]}
volumes = {v["name"]: v for v in pod["volumes"]}
for kind in ("Deployment", "PodDisruptionBudget"):
    expect(objects[kind]["spec"]["selector"]["matchLabels"] == labels, f"{kind} selects other pods")
expect(set(mounts) == set(volumes), "what is mounted is not what there is")
expect(volumes["configuration"]["configMap"]["name"] == objects["ConfigMap"]["metadata"]["name"], "another ConfigMap is mounted")

with open(f"{deploy}/container/Containerfile") as f:
    image = f.read()
command = json.loads(image[image.rindex("CMD ") + 4 :])
expect(os.path.dirname(command[-1]) == mounts["configuration"], f"the image reads {command[-1]}")
expect(os.path.basename(command[-1]) in objects["ConfigMap"]["data"], f"the ConfigMap has no {command[-1]}")

with tempfile.TemporaryDirectory() as folder:
    os.chmod(folder, 0o755)
    os.mkdir(f"{folder}/..2026", 0o755)
    os.symlink("..2026", f"{folder}/..data")
    os.symlink("..data/baton.yaml", f"{folder}/baton.yaml")
    with open(f"{folder}/..2026/baton.yaml", "w") as f:
        f.write(objects["ConfigMap"]["data"]["baton.yaml"])
    credentials = f"{folder}/credentials"
    os.mkdir(credentials)
    with open(f"{credentials}/db-password", "w") as f:
        f.write("secret")
    expect(environment["CREDENTIALS_DIRECTORY"] == mounts["store"], "the secret is mounted elsewhere")
    environment["CREDENTIALS_DIRECTORY"] = credentials
    checked = subprocess.run([program, "check", "-c", f"{folder}/baton.yaml"], env={**os.environ, **environment}, capture_output=True, text=True)
    expect(checked.returncode == 0 and not checked.stderr, f"baton check: {checked.stdout}{checked.stderr}")

configuration = yaml.safe_load(objects["ConfigMap"]["data"]["baton.yaml"])
(port,) = container["ports"]
expect(configuration["http"]["listen"].endswith(f":{port['containerPort']}"), "the port is another one")
expect(configuration["instance"] == "${POD_NAME}" and "POD_NAME" in environment, "the pods have one name")
expect(pod["terminationGracePeriodSeconds"] > seconds(configuration["defaults"]["grace"]), "a run's grace is longer than the pod's")
with open(openapi) as f:
    routes = json.load(f)["paths"]
for probe in ("livenessProbe", "readinessProbe"):
    path = container[probe]["httpGet"]["path"]
    expect(path in routes, f"{probe}: there is no {path}")
for message in failed:
    print("FAILED:", message)
sys.exit(bool(failed))
