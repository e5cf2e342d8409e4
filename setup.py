"""Installs the package and its three commands."""

import glob
import io
import os
import re

from setuptools import find_packages, setup

HERE = os.path.dirname(os.path.abspath(__file__))
PACKAGE = 'datarobot_batch_scoring'
# Where the programs look that show man pages and complete command lines.
HELP = (
    ('man/*', 'share/man/man1'),
    ('bash/*', 'share/bash-completion/completions'),
    ('zsh/*', 'share/zsh/site-functions'),
    ('fish/*', 'share/fish/vendor_completions.d'),
)


def read(*names):
    """The text of a file beside this one."""
    with io.open(os.path.join(HERE, *names), encoding='utf-8') as source:
        return source.read()


def version():
    """The version, read and not imported: what it imports may be missing yet."""
    return re.search(r"^__version__ = '(.+)'$", read(PACKAGE, '__init__.py'), re.M).group(1)


def commands():
    """The names of the commands, read likewise."""
    return re.findall(r'^def (batch_scoring\w*)', read(PACKAGE, 'commands.py'), re.M)


def help_files():
    """The files to install below the folder share/, as `data_files`."""
    data = os.path.join(HERE, PACKAGE, 'data')
    return [(target, [os.path.relpath(each, HERE) for each in sorted(
        glob.glob(os.path.join(data, pattern)))]) for pattern, target in HELP]


setup(
    name=PACKAGE,
    version=version(),
    description='Scores CSV files of any size against a prediction server',
    long_description=read('README.rst') + '\n' + read('CHANGES.rst'),
    long_description_content_type='text/x-rst',
    license='BSD-3-Clause AND CC-BY-SA-4.0',
    packages=find_packages(include=[PACKAGE, PACKAGE + '.*']),
    package_data={'': ['*.pyi'], PACKAGE: ['data/*/*', 'py.typed'],
                  PACKAGE + '.dataset': ['*.txt'], PACKAGE + '.demo': ['*.json', '*.csv']},
    data_files=help_files(),
    zip_safe=False,
    entry_points={'console_scripts': [
        '{0} = {1}.commands:{0}'.format(command, PACKAGE) for command in commands()]},
    python_requires='>=2.7, !=3.0.*, !=3.1.*, !=3.2.*, !=3.3.*, !=3.4.*, !=3.5.*',
    install_requires=[
        'docopt>=0.6.2,<0.7',
        # Without it, certificates for addresses do not fit there.
        "ipaddress>=1; python_version < '3'",
        'requests>=2.20,<3',
        'six>=1.12',
        'trafaret>=2,<3',
        # What requests knows on these interpreters; of a newer one it warns.
        "chardet>=3.0.2,<5; python_version < '3.7'",
        "chardet>=3.0.2; python_version >= '3.7'",
        "tqdm>=4.28,<4.65; python_version < '3.7'",
        "tqdm>=4.28; python_version >= '3.7'",
    ],
    extras_require={
        'docs': ['sphinx>=5'],
        'dask': ["distributed>=2024.8; python_version >= '3.9'",
                 "fsspec>=2024.10; python_version >= '3.9'"],
        'parquet': ["pyarrow>=14; python_version >= '3.9'"],
        's3': ["s3fs>=2024.10; python_version >= '3.9'"],
        'gcs': ["gcsfs>=2024.10; python_version >= '3.9'"],
        'azure': ["adlfs>=2024.7; python_version >= '3.9'"],
        # What `pytest -m real_servers` scores against: DRUM and MLflow, with models for them.
        'real-servers': [each + "; python_version >= '3.10' and python_version < '3.14'" for each in (
            'datarobot-drum>=1.18', 'mlflow-skinny>=3', 'fastapi', 'uvicorn', 'pandas',
            'scikit-learn')],
        'speedups': ["isal>=1; python_version >= '3.7'"],
        'tests': [
            "pytest>=4.6,<5; python_version < '3'",
            "pytest>=7,<7.1; python_version >= '3' and python_version < '3.7'",
            "pytest>=7; python_version >= '3.7'",
            "hypothesis>=4.57.1,<5; python_version < '3'",
            "hypothesis>=6.31,<6.32; python_version >= '3' and python_version < '3.7'",
            "hypothesis>=6.31; python_version >= '3.7'",
            "pytest-xdist>=1.34,<2; python_version < '3'",
            "pytest-xdist>=3,<3.1; python_version >= '3' and python_version < '3.7'",
            "pytest-xdist>=3; python_version >= '3.7'",
            'psutil>=6',
            # They build the wheel whose contents the tests look at.
            'setuptools',
            'wheel',
        ],
    },
    classifiers=[
        'Environment :: Console',
        'Intended Audience :: Science/Research',
        'Operating System :: MacOS',
        'Operating System :: Microsoft :: Windows',
        'Operating System :: POSIX',
        'Typing :: Typed',
    ] + ['Programming Language :: Python :: ' + each for each in (
        '2.7', '3.6', '3.7', '3.8', '3.9', '3.10', '3.11', '3.12', '3.13', '3.14')],
)
