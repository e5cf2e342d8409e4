"""Run by the interpreter of a server of the Open Inference Protocol: its models, and the server.

    python v2_models.py make FOLDER [mlflow]
    python v2_models.py serve kserve|triton FOLDER PORT
    python v2_models.py predict FOLDER TARGET DATA.csv      (JSON on standard output)

A row whose city the models do not know makes them fail.
"""

import json
import os
import pickle
import socket
import sys

import numpy
import pandas
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

TEXTS, NUMBERS = ['city', 'code'], ['area', 'rooms']
COLUMNS = ['city', 'code', 'area', 'rooms']
DATATYPES = {'city': 'BYTES', 'code': 'BYTES', 'area': 'FP64', 'rooms': 'INT64'}
CITIES, CODES = ['Oslo', 'Köln', 'Paris'], ['007', '7', 'NA', 'x']
# A server must not get more rows than this in one request.
FEW = 4


def frame():
    random = numpy.random.RandomState(7)
    data = pandas.DataFrame({
        'city': random.choice(CITIES, 2000).astype(object), 'code': random.choice(CODES, 2000).astype(object),
        'area': random.uniform(20, 150, 2000).round(1), 'rooms': random.randint(1, 6, 2000)})
    data.loc[data.index % 17 == 0, 'area'] = numpy.nan
    data.loc[data.index % 13 == 0, 'city'] = numpy.nan
    return data


def pipeline(model):
    # MLServer makes None of a missing text, where pandas reads NaN.
    texts = make_pipeline(
        SimpleImputer(strategy='constant', fill_value='?'),
        SimpleImputer(missing_values=None, strategy='constant', fill_value='?'), OneHotEncoder())
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    return make_pipeline(make_column_transformer((texts, TEXTS), (numbers, NUMBERS)), model)


def models():
    data = frame()
    score = (data['area'].fillna(80) * 9 + data['rooms'] * 40 + 200 * (data['city'] == 'Paris')
             + data['code'].map(dict(zip(CODES, (0, 100, -100, 200)))))
    labels = {'binary': numpy.where(score > 900, 'yes', 'no'),
              'multiclass': numpy.where(score > 1200, 'high', numpy.where(score < 600, 'low', 'mid'))}
    made = {target: pipeline(LogisticRegression(max_iter=500)).fit(data, labels[target]) for target in labels}
    made['regression'] = pipeline(LinearRegression()).fit(data, score)
    return made


def make(folder, with_mlflow):
    made = models()
    for target, model in made.items():
        os.makedirs(os.path.join(folder, target), exist_ok=True)
        with open(os.path.join(folder, target, 'model.joblib'), 'wb') as source:
            # MLServer reads it with joblib, to which it is the same.
            pickle.dump(model, source)
        _settings(folder, target, 'mlserver_sklearn.SKLearnModel', './model.joblib')
    if with_mlflow:
        import mlflow.sklearn
        from mlflow.models import infer_signature
        for target, model in made.items():
            function = 'predict' if target == 'regression' else 'predict_proba'
            mlflow.sklearn.save_model(
                model, os.path.join(folder, 'mlflow', target), serialization_format='cloudpickle',
                pyfunc_predict_fn=function, signature=infer_signature(frame(), getattr(model, function)(frame())))
        _settings(folder, 'mlflow', 'mlserver_mlflow.MLflowRuntime', './regression')


def _settings(folder, name, implementation, uri):
    with open(os.path.join(folder, name, 'model-settings.json'), 'w') as target:
        json.dump({'name': name, 'implementation': implementation, 'parameters': {'uri': uri}}, target)


def load(folder, target):
    with open(os.path.join(folder, target, 'model.joblib'), 'rb') as source:
        return pickle.load(source)


def outputs(model, data):
    """[(name, values)] of a model for a data frame."""
    found = [('predict', model.predict(data))]
    if hasattr(model, 'predict_proba'):
        found.append(('predict_proba', model.predict_proba(data)))
    return found


def serve_kserve(folder, port):
    import kserve
    from kserve import InferOutput, InferResponse

    class Table(kserve.Model):
        def __init__(self, name):
            super().__init__(name)
            self.model = load(folder, name)
            self.ready = True

        async def get_input_types(self):
            return [{'name': name, 'datatype': DATATYPES[name], 'shape': [-1]} for name in COLUMNS]

        def predict(self, payload, headers=None, response_headers=None):
            found = []
            for name, values in outputs(self.model, payload.as_dataframe()):
                kind = 'BYTES' if values.dtype.kind in 'OU' else 'FP64'
                found.append(InferOutput(name, list(values.shape), kind, data=values.flatten().tolist()))
            return InferResponse(response_id=payload.id, model_name=self.name, infer_outputs=found)

    kserve.ModelServer(http_port=port, enable_grpc=False).start(
        [Table(name) for name in ('regression', 'binary', 'multiclass')])


def free_port():
    with socket.socket() as with_port:
        with_port.bind(('127.0.0.1', 0))
        return with_port.getsockname()[1]


def serve_triton(folder, port):
    from pytriton.decorators import batch
    from pytriton.model_config import ModelConfig, Tensor
    from pytriton.triton import Triton, TritonConfig

    kinds = {'BYTES': bytes, 'FP64': numpy.float64, 'INT64': numpy.int64}
    inputs = [Tensor(name=name, dtype=kinds[DATATYPES[name]], shape=(1,)) for name in COLUMNS]

    def function(model):
        @batch
        def infer(**columns):
            data = {}
            for name, values in columns.items():
                values = values[:, 0]
                data[name] = ([each.decode('utf-8') or numpy.nan for each in values]
                              if name in TEXTS else values)
            found = {}
            for name, values in outputs(model, pandas.DataFrame(data)):
                if values.dtype.kind in 'OU':
                    values = numpy.char.encode(values.astype(str), 'utf-8')
                found[name] = values.reshape(len(values), -1)
            return found
        return infer

    config = TritonConfig(http_address='127.0.0.1', http_port=port, grpc_address='127.0.0.1', grpc_port=free_port(),
                          metrics_port=free_port(), allow_metrics=False)
    with Triton(config=config) as server:
        for name, target, most in (('regression', 'regression', 1000), ('binary', 'binary', 1000),
                                   ('multiclass', 'multiclass', 1000), ('few', 'regression', FEW)):
            made = [Tensor(name='predict', dtype=numpy.float64 if target == 'regression' else bytes, shape=(1,))]
            if target != 'regression':
                made.append(Tensor(name='predict_proba', dtype=numpy.float64,
                                   shape=(2 if target == 'binary' else 3,)))
            server.bind(model_name=name, infer_func=function(load(folder, target)), inputs=inputs, outputs=made,
                        config=ModelConfig(max_batch_size=most))
        server.serve()


def predict(folder, target, path):
    data = pandas.read_csv(path, dtype={'code': str}, keep_default_na=False, na_values={'area': [''], 'city': ['']})
    json.dump([values.reshape(len(values), -1).tolist() for _, values in outputs(load(folder, target), data)],
              sys.stdout)


if __name__ == '__main__':
    if sys.argv[1] == 'make':
        make(sys.argv[2], 'mlflow' in sys.argv[3:])
    elif sys.argv[1] == 'serve':
        {'kserve': serve_kserve, 'triton': serve_triton}[sys.argv[2]](sys.argv[3], int(sys.argv[4]))
    else:
        predict(*sys.argv[2:])
