# -*- coding: utf-8 -*-
"""Run by the interpreter of a real server: makes its models, and says what they predict.

    python real_models.py make drum|fastrag|mlflow|mlserver FOLDER
    python real_models.py predict FOLDER/TARGET DATA.csv      (JSON on standard output)
"""

import json
import os
import pickle
import sys

import numpy
import pandas
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS, WORDS = ['größe', 'x2'], ['stadt']
CITIES = ['Oslo', 'Köln', 'Paris']

# A model for DRUM that does on request what a good one never does.
ODD_DRUM = '''
import os
import pandas

def load_model(folder):
    return "odd"

def score(data, model, **more):
    column = data["x2"]
    if (column == 888).any():
        os._exit(3)
    if (column == 999).any():
        data = data.iloc[:-1]
    return pandas.DataFrame({"no": 1 - data["größe"] * 0, "yes": data["größe"] * 0})
'''

# One that answers with texts.
TEXT_DRUM = '''
import os
import pickle
import pandas

def load_model(folder):
    with open(os.path.join(folder, "model.pickle"), "rb") as source:
        return pickle.load(source)

def score(data, model, **more):
    return pandas.DataFrame({os.environ["TARGET_NAME"]: model.predict(data)})
'''

# One whose score() has extra columns, for DRUM and FastRAG; without a city there is no value.
EXTRA_DRUM = '''
import os
import pickle
import pandas

def load_model(code_dir):
    with open(os.path.join(code_dir, "model.pickle"), "rb") as source:
        return pickle.load(source)

def score(data, model, **more):
    if hasattr(model, "predict_proba"):
        found = pandas.DataFrame(model.predict_proba(data), columns=[str(each) for each in model.classes_])
    else:
        found = pandas.DataFrame({"Predictions": model.predict(data)})
    found["ort, laut"] = [None if each == "Paris" else each.upper() for each in data["stadt"]]
    found["doppelt"] = (data["x2"] * 2).to_numpy()
    return found
'''

# Text generation: quotes, line breaks and all.
WRITER_DRUM = '''
import os
import pandas

def load_model(code_dir):
    return "writer"

def score(data, model, **more):
    texts = ['"' + str(each) + '",\\n' + str(each) * 40 for each in data["name"]]
    return pandas.DataFrame({os.environ["TARGET_NAME"]: texts, "characters": [len(each) for each in texts]})
'''

# The route of DRUM without the slash at its end, as DataRobot's servers have it.
NO_SLASH = '''
def init_app(app):
    app.url_map.strict_slashes = False
    for rule in app.url_map.iter_rules():
        rule.strict_slashes = False
'''


def frame():
    random = numpy.random.RandomState(7)
    return pandas.DataFrame({
        'größe': random.normal(size=2000), 'x2': random.normal(size=2000),
        'stadt': random.choice(CITIES, 2000)})


def pipeline(model):
    columns = make_column_transformer(
        (StandardScaler(), NUMBERS), (OneHotEncoder(handle_unknown='ignore'), WORDS))
    return make_pipeline(columns, model)


def models():
    data = frame()
    score = 2 * data['größe'] - data['x2'] + data['stadt'].map(dict(zip(CITIES, (0, 1, -1))))
    labels = {
        'binary': numpy.where(score > 0, 'yes', 'no'),
        'multiclass': numpy.where(score > 1, 'hoch', numpy.where(score < -1, 'low', 'mid'))}
    made = {target: pipeline(LogisticRegression()).fit(data, labels[target]) for target in labels}
    made['regression'] = pipeline(LinearRegression()).fit(data, score + 4)
    return made


def write(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as target:
        target.write(content)


def make_drum(folder):
    for target, model in models().items():
        write(os.path.join(folder, target, 'model.pkl'), pickle.dumps(model))
        own = os.path.join(folder, target + '-own-routes')
        write(os.path.join(own, 'model.pkl'), pickle.dumps(model))
        write(os.path.join(own, 'custom_flask.py'), NO_SLASH.encode('utf-8'))
        if target == 'multiclass':
            write(os.path.join(folder, 'classes', 'model.pickle'), pickle.dumps(model))
            write(os.path.join(folder, 'classes', 'custom.py'), TEXT_DRUM.encode('utf-8'))
        write(os.path.join(folder, target + '-extra', 'model.pickle'), pickle.dumps(model))
        write(os.path.join(folder, target + '-extra', 'custom.py'), EXTRA_DRUM.encode('utf-8'))
    write(os.path.join(folder, 'writer', 'custom.py'), WRITER_DRUM.encode('utf-8'))
    write(os.path.join(folder, 'odd', 'custom.py'), ODD_DRUM.encode('utf-8'))


def make_mlflow(folder):
    import mlflow
    from mlflow.models import infer_signature

    class Odd(mlflow.pyfunc.PythonModel):
        """Does on request what a good one never does."""

        def predict(self, context, model_input, params=None):
            if (model_input['x2'] == 888).any():
                os._exit(3)
            if (model_input['x2'] == 999).any():
                model_input = model_input.iloc[:-1]
            return pandas.DataFrame({'b': model_input['größe'], 'a': model_input['x2'] * float('inf')})

    class Tells(mlflow.pyfunc.PythonModel):
        """Answers with the values that it was given, as JSON, which shows their types."""

        def predict(self, context, model_input, params=None):
            columns = [model_input[name].tolist() for name in model_input.columns]
            return [json.dumps(row) for row in zip(*columns)]

    data = frame()
    for target, model in models().items():
        function = 'predict' if target == 'regression' else 'predict_proba'
        mlflow.sklearn.save_model(
            model, os.path.join(folder, target),
            # MLServer needs that of the outputs too.
            signature=infer_signature(data, getattr(model, function)(data)),
            pyfunc_predict_fn=function, serialization_format='cloudpickle')
        write(os.path.join(folder, target, 'plain.pkl'), pickle.dumps(model))
        if target == 'multiclass':
            mlflow.sklearn.save_model(
                model, os.path.join(folder, 'classes'), signature=infer_signature(data),
                serialization_format='cloudpickle')
    mlflow.pyfunc.save_model(os.path.join(folder, 'odd'), python_model=Odd(),
                             signature=infer_signature(data))
    mlflow.pyfunc.save_model(os.path.join(folder, 'tells'), python_model=Tells())


def predict(folder, path):
    names = [each for each in ('model.pkl', 'plain.pkl', 'model.pickle') if os.path.exists(os.path.join(folder, each))]
    with open(os.path.join(folder, names[-1]), 'rb') as source:
        model = pickle.load(source)
    data = pandas.read_csv(path)
    if hasattr(model, 'predict_proba'):
        found = {'labels': list(model.classes_), 'values': model.predict_proba(data).tolist()}
    else:
        found = {'labels': None, 'values': [[each] for each in model.predict(data).tolist()]}
    json.dump(found, sys.stdout)


if __name__ == '__main__':
    if sys.argv[1] == 'make':
        (make_drum if sys.argv[2] in ('drum', 'fastrag') else make_mlflow)(sys.argv[3])
    else:
        predict(sys.argv[2], sys.argv[3])
