#!/usr/bin/env python3
"""What WikiSQL's own evaluation says of queries: its lib/query.py and lib/dbengine.py, run as evaluate.py runs them.

    python make_wikisql_goldens.py CHECKOUT write                    writes goldens/wikisql.json
    python make_wikisql_goldens.py CHECKOUT compare PROGRAM DATA N   N questions of DATA/train.jsonl: gold, shuffled and
                                                                     corrupted predictions through `PROGRAM score wikisql`

CHECKOUT is a clone of https://github.com/salesforce/WikiSQL. Needs records, babel and tabulate (pip); made with babel 2.18.0.
"""

import json
import random
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

CHECKOUT = sys.argv[1] if len(sys.argv) > 1 else sys.exit(__doc__)
sys.path.insert(0, CHECKOUT)
from lib.dbengine import DBEngine  # noqa: E402
from lib.query import Query  # noqa: E402

GOLDENS = Path(__file__).resolve().parent / "goldens"

TABLES = [
    {"id": "1-100-1", "header": ["Harbour", "Depth (m)", "Ships", "Notes"], "types": ["text", "real", "real", "text"],
     "rows": [["Nordvik", "12.5", 3, "ice; from Nov"], ["İskele", 7, "1,204", "a = b AND c"], ["Ülkü Bay", "−4", 0, ""],
              ["ΟΔΟΣ", ".5", "12 (est.)", "'; DROP TABLE table_1_100_1; --"], ["Nordvik", 1e3, "7", None],
              ["ЖЁЛТЫЙ", "1_000", 9007199254740993, "42"]]},
    {"id": "2-7-30", "header": ["Year", "Winner", "Score", "Year"], "types": ["real", "text", "text", "text"],
     "rows": [["1998", "A. Berg", "3 - 2", "98"], ["1999", "B. Lund", "2.5", "99"], ["2000", "A. Berg", "10", "00"],
              ["n/a", "C. Dahl", "9223372036854775807", "x"], ["2001", "C. Dahl", "9223372036854775807", "y"]]},
    {"id": "table_own", "header": ["k", "v"], "types": ["real", "real"], "rows": [[1, 2], [2.5, 4], [3, "nan"], [4, "inf"]]},
]
TEXTS = ["Nordvik", "NORDVIK", "İSKELE", "ülkü bay", "ΟΔΟΣ", "οδος", "οδοσ", "жёлтый", "A. Berg", "a. berg ", "3 - 2", "10", "42",
         "'; DROP TABLE table_1_100_1; --", "a = b AND c", "", "x", "98"]
NUMBERS = ["12.5", "7", "1,204", "−4", "-4", ".5", "+.5", "5.", "0", "1e3", "1E+3", "1e400", "-1e400", "1e-400", "1_000", "12 (est.)",
           "about 1,204 or so", "abc", "", "nan", "snan", "inf", "-Infinity", "٣", "１２.５", " 7 ", "1998", "2,000", "n/a", "1e", ".",
           "1.2.3", "--5", "+-3.5m", "0x10", "9007199254740993", "\u00a07", "7\u2003", "1e9999999999999999999", "-", "1-2", "a.5",
           7, 7.0, 12.5, 1e3, 1e16, 1e22, 0.0001, 0.00001, 123456789012, 2.5, -4, 0, 1999.0]


def make_database(tables, path):
    """lib/table.py's create_table, for all tables in one transaction."""
    db = sqlite3.connect(path)
    for table in tables:
        name = table["id"] if table["id"].startswith("table") else "table_" + table["id"].replace("-", "_")
        db.execute(f"CREATE TABLE {name} ({', '.join(f'col{i} {t}' for i, t in enumerate(table['types']))})")
        rows = [[c.lower() if isinstance(c, str) else c for c in row] for row in table["rows"]]
        db.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * len(table['header']))})", rows)
    db.commit()
    db.close()


def rows_of(engine, table_id, query):
    """What execution gives, or None where it raises."""
    try:
        return engine.execute_query(table_id, query, lower=True)
    except Exception:
        return None


def judge(engine, table_id, gold, prediction, ordered):
    """As evaluate.py: (logical form, execution); execution is None where the gold query raises."""
    qg, qp = Query.from_dict(gold, ordered=ordered), Query.from_dict(prediction, ordered=ordered)
    expected, got = rows_of(engine, table_id, qg), rows_of(engine, table_id, qp)
    return qp == qg, None if expected is None else got is not None and got == expected


def random_query(rng, table):
    columns = len(table["header"])
    conditions = []
    for _ in range(rng.choice([0, 1, 1, 1, 2, 2, 3])):
        column = rng.randrange(columns)
        pool = NUMBERS if table["types"][column] == "real" or rng.random() < 0.2 else TEXTS
        conditions.append([column, rng.choice([0, 0, 0, 1, 2, 3] if rng.random() < 0.1 else [0, 0, 1, 2]), rng.choice(pool)])
    return {"sel": rng.randrange(columns), "agg": rng.randrange(6), "conds": conditions}


def changed(rng, query, table):
    """The same query, or one with shuffled conditions, other letter case, a repeated condition or another part."""
    query = json.loads(json.dumps(query))
    conditions, kind = query["conds"], rng.randrange(7)
    if kind == 1:
        rng.shuffle(conditions)
    elif kind == 2:
        for c in conditions:
            c[2] = c[2].swapcase() if isinstance(c[2], str) else str(c[2])
    elif kind == 3 and conditions:
        conditions.append(list(rng.choice(conditions)))
    elif kind == 4:
        query["agg"] = rng.randrange(6)
    elif kind == 5:
        query["sel"] = rng.randrange(len(table["header"]))
    elif kind == 6 and conditions:
        rng.choice(conditions)[1] = rng.randrange(3)
    return query


def write():
    rng = random.Random(4)
    cases = []
    with tempfile.TemporaryDirectory() as folder:
        make_database(TABLES, f"{folder}/own.db")
        engine = DBEngine(f"{folder}/own.db")
        golds = [(t, random_query(rng, t)) for t in TABLES for _ in range(60)]
        golds += [(TABLES[0], {"sel": 0, "agg": 0, "conds": [[1, op, v]]}) for v in NUMBERS for op in (0, 1)]
        golds += [(TABLES[0], {"sel": 2, "agg": 3, "conds": [[0, 0, v]]}) for v in TEXTS]
        for table, gold in golds:
            prediction = changed(rng, gold, table)
            rows = rows_of(engine, table["id"], Query.from_dict(gold))
            logical, execution = judge(engine, table["id"], gold, prediction, False)
            ordered, _ = judge(engine, table["id"], gold, prediction, True)
            # JSON has no word for an infinity.
            rows = rows and ["inf" if r == float("inf") else r for r in rows]
            cases.append({"table_id": table["id"], "gold": gold, "prediction": prediction, "rows": rows, "logical_form": logical,
                          "logical_form_ordered": ordered, "execution": execution})
    lines = ",\n".join(json.dumps(case) for case in cases)
    tables = ",\n".join(json.dumps(table) for table in TABLES)
    lowered = {text: text.lower() for text in TEXTS + ["ΑΣ", "ΑΣ.Σ", "Σ", "ΑΣ'", "Σ\u0301Α", "ǅ", "ẞ", "K", "Å", "\U00010400", "ꙀꙁĲ"]}
    (GOLDENS / "wikisql.json").write_text(f'{{"tables": [\n{tables}\n],\n"cases": [\n{lines}\n],\n"lower": {json.dumps(lowered)}}}\n')


def text_of(query, header):
    """SQL with everything in quotes."""
    name = lambda c: '"' + header[c].replace('"', '""') + '"' + (f"#{header[:c + 1].count(header[c])}" if header[c] in header[:c] else "")
    value = lambda v: "'" + str(v).replace("'", "''") + "'"
    select = name(query["sel"])
    text = "SELECT " + (f"{Query.agg_ops[query['agg']]}({select})" if query["agg"] else select) + " FROM table"
    return text + (" WHERE " if query["conds"] else "") + " AND ".join(
        f"{name(c)} {Query.cond_ops[o]} {value(v)}" for c, o, v in query["conds"])


def compare(program, data, count):
    rng = random.Random(6)
    tables = {t["id"]: t for t in map(json.loads, open(f"{data}/train.tables.jsonl"))}
    questions = [json.loads(line) for line, _ in zip(open(f"{data}/train.jsonl"), range(count))]
    used = {q["table_id"] for q in questions}
    with tempfile.TemporaryDirectory() as folder:
        make_database([tables[i] for i in used], f"{folder}/train.db")
        engine = DBEngine(f"{folder}/train.db")
        with open(f"{folder}/train.jsonl", "w") as file:
            file.writelines(json.dumps(q) + "\n" for q in questions)
        predictions = {
            "gold": [q["sql"] for q in questions],
            "shuffled": [{**q["sql"], "conds": rng.sample(q["sql"]["conds"], len(q["sql"]["conds"]))} for q in questions],
            "corrupted": [changed(rng, q["sql"], tables[q["table_id"]]) for q in questions],
        }
        for name, queries in predictions.items():
            with open(f"{folder}/predictions.jsonl", "w") as file:
                for i, (q, query) in enumerate(zip(questions, queries)):
                    text = text_of(query, tables[q["table_id"]]["header"])
                    file.write(json.dumps({"id": f"train:{i + 1}", "prediction": text}) + "\n")
            for ordered in (False, True):
                for source in (["--db", f"{folder}/train.db"], []):
                    command = [program, "score", "wikisql", "--json", "--predictions", f"{folder}/predictions.jsonl", "--references",
                               f"{folder}/train.jsonl", "--tables", f"{data}/train.tables.jsonl"] + source + ["--ordered"] * ordered
                    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
                    want = [judge(engine, q["table_id"], q["sql"], p, ordered) for q, p in zip(questions, queries)]
                    got = [(r["logical_form"], r["execution"]) for r in map(json.loads, lines[:-1])]
                    assert len(got) == len(want)
                    print(name, "ordered" if ordered else "unordered", "db" if source else "rows", lines[-1],
                          f"-- {sum(g != w for g, w in zip(got, want))} of {len(want)} differ", flush=True)


if __name__ == "__main__":
    if sys.argv[2:] == ["write"]:
        write()
    elif sys.argv[2:3] == ["compare"] and len(sys.argv) == 6:
        compare(sys.argv[3], sys.argv[4], int(sys.argv[5]))
    else:
        sys.exit(__doc__)
