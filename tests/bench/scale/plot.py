#!/usr/bin/env python3
"""plot.py MEASURED FOLDER: draws what scale_bench wrote into MEASURED (--json) as SVG, and puts it into FOLDER/figures.json. No library is needed."""
import json
import math
import pathlib
import sys

COLOURS = {"baton": "#0b6e4f", "protocol": "#3d5a80", "bare": "#8d99ae", "naive-1": "#e07a5f", "naive-8": "#d1495b", "naive-32": "#9c3848",
           "mariadb": "#0b6e4f", "mysql": "#3d5a80"}
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 64, 110, 40, 48


def ticks(low, high):
    return [m * 10.0**e for e in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1) for m in (1, 2, 5) if low <= m * 10.0**e <= high]


def short(value):
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def chart(title, x_title, y_title, lines, limit=None):
    """Lines {name: [(x, y)]} on logarithmic axes; `limit` is a horizontal one."""
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points if y > 0] + ([limit] if limit else [])
    x_low, x_high, y_low, y_high = min(xs), max(xs), min(ys) / 1.3, max(ys) * 1.3
    if x_low == x_high:
        x_low, x_high = x_low / 2, x_high * 2
    across = lambda x: LEFT + (WIDTH - LEFT - RIGHT) * math.log(x / x_low) / math.log(x_high / x_low)
    up = lambda y: HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * math.log(max(y, y_low) / y_low) / math.log(y_high / y_low)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12" role="img">',
           f"<title>{title}</title>", f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
           f'<text x="{LEFT}" y="22" font-size="14" font-weight="bold">{title}</text>',
           f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">{x_title}</text>',
           f'<text x="16" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 16 {HEIGHT / 2})">{y_title}</text>']
    for y in ticks(y_low, y_high):
        out.append(f'<path d="M{LEFT} {up(y):.1f}H{WIDTH - RIGHT}" stroke="#e5e5e5"/>')
        out.append(f'<text x="{LEFT - 6}" y="{up(y) + 4:.1f}" text-anchor="end">{short(y)}</text>')
    for x in sorted(set(xs)):
        out.append(f'<text x="{across(x):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{short(x)}</text>')
    if limit:
        out.append(f'<path d="M{LEFT} {up(limit):.1f}H{WIDTH - RIGHT}" stroke="#555" stroke-dasharray="4 4"/>')
    taken = []
    for name, points in sorted(lines.items(), key=lambda line: line[1][-1][1]):
        points.sort()
        colour = COLOURS.get(name.split(" ")[0], "#333")
        path = "L".join(f"{across(x):.1f} {up(y):.1f}" for x, y in points)
        out.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="{3 if name.startswith("baton") else 1.6}"/>')
        out += [f'<circle cx="{across(x):.1f}" cy="{up(y):.1f}" r="3" fill="{colour}"/>' for x, y in points]
        label = up(points[-1][1]) + 4
        while any(abs(label - other) < 13 for other in taken):
            label -= 1
        taken.append(label)
        out.append(f'<text x="{across(points[-1][0]) + 8:.1f}" y="{label:.1f}" fill="{colour}">{name}</text>')
    return "\n".join(out + ["</svg>", ""])


def main():
    figures = [figure for file in sorted(pathlib.Path(sys.argv[1]).glob("*.json")) for figure in json.loads(file.read_text())]
    folder = pathlib.Path(sys.argv[2])
    (folder / "figures.json").write_text("[\n" + ",\n".join("  " + json.dumps(figure) for figure in figures) + "\n]\n")
    plain = [f for f in figures if not f["delay_ms"] and not f["million_rows"] and f["slots"] == 500]

    def save(name, text):
        (folder / name).write_text(text)

    for server in ("mariadb", "mysql"):
        for delay in sorted({f["delay_ms"] for f in figures}):
            storms = [f for f in figures if f["name"] == "storm" and f["server"] == server and f["instances"] == 3 and f["slots"] == 500
                      and f["delay_ms"] == delay and not f["million_rows"]]
            lines = {}
            for f in storms:  # `value` is the fleet's; what a baseline took follows from the ratio
                lines.setdefault(f["baseline"], []).append((f["jobs"], f["value"] / f["ratio"]))
            if any(len(points) > 1 for points in lines.values()):
                way = f", {delay} ms away" if delay else ""
                save(f"storm-{server}{f'-{delay}ms' if delay else ''}.svg",
                     chart(f"A storm of due jobs, {server}{way}", "jobs due at one instant", "seconds until the last has run", lines))
    for name, title, y_title, limit in (("steady_late_p99", "A steady load", "late by, p99, ms", 50),
                                        ("steady_cpu_per_1000_runs", "What a steady load costs the instances", "ms of processor for 1,000 runs", None)):
        lines = {}
        for f in plain:
            if f["name"] == name and f["instances"] == 3:
                lines.setdefault(f["server"], []).append((f["jobs"], f["value"]))
        if lines:
            save(f"{name.replace('_', '-')}.svg", chart(title, "jobs, each due every second", y_title, lines, limit))
    lines = {}
    for f in plain:
        if f["name"] == "storm" and f["baseline"] == "baton" and f["jobs"] == 10000:
            lines.setdefault(f["server"], []).append((f["instances"], f["value"]))
    if any(len(points) > 1 for points in lines.values()):
        save("instances.svg", chart("A storm of 10,000 jobs", "instances", "seconds until the last has run", lines))


main()
