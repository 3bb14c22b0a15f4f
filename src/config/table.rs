//! The table of keys: name, default and meaning of each. The ranges that the meanings tell are held where the keys are
//! read, in `keys`.

use super::read::Fallback::{Absent, List, Number, Required, Text, Truth, Whole};
use super::read::Key;

const IGNORED: &[&str] = &[
    "*.tmp",
    "*.temp",
    "*.part",
    "*.partial",
    "*.filepart",
    "*.crdownload",
    "*.swp",
    "*~",
    "*.truth.json",
    "DICOMDIR",
    "Thumbs.db",
    "desktop.ini",
];

pub(super) const DEVICE_ID: Key = Key::without_default(
    "device.id",
    Required,
    "\"room-1\"",
    "The name of this device: one level of every MQTT topic, part of every report's id. Up to 64 letters, digits, \
     dots, `-` and `_`.",
);

pub(super) const HTTP_LISTEN: Key = Key::new(
    "http.listen",
    Text("127.0.0.1:8080"),
    "Address and port on which the page, `/healthz` and `/metrics` are served. Loopback by default: reports are \
     patients' data. Elsewhere `http.token_file` or `http.client_ca_file` must say who may look.",
);

pub(super) const HTTP_TOKEN_FILE: Key = Key::without_default(
    "http.token_file",
    Absent,
    "\"/etc/sagitta/http.token\"",
    "A file with a secret of 16 letters or more, readable for the service's user alone. Who gives it is answered: a program as \
     `Authorization: Bearer …`, a person as the password (any name) that the browser asks for. `/healthz` and `/readyz` are \
     answered without.",
);

pub(super) const HTTP_CERT_FILE: Key = Key::without_default(
    "http.cert_file",
    Absent,
    "\"/etc/sagitta/page.pem\"",
    "PEM file of the certificate chain with which the page is served over HTTPS. Needs `http.key_file`. Both are read at the \
     start.",
);

pub(super) const HTTP_KEY_FILE: Key = Key::without_default(
    "http.key_file",
    Absent,
    "\"/etc/sagitta/page.key\"",
    "PEM file of its key, readable for the service's user alone. Needs `http.cert_file`.",
);

pub(super) const HTTP_CLIENT_CA_FILE: Key = Key::without_default(
    "http.client_ca_file",
    Absent,
    "\"/etc/sagitta/clients-ca.pem\"",
    "PEM file of the authorities one of which must have signed a caller's certificate; nobody else is answered. Needs \
     `http.cert_file`.",
);

pub(super) const HTTP_ROOMS: Key = Key::new(
    "http.rooms",
    List(&[]),
    "The other devices below `mqtt.prefix` that the page shows beside this one, such as `[\"room-2\"]`; `[\"+\"]` shows every \
     device that the broker knows.",
);

pub(super) const INGEST_WATCH: Key = Key::without_default(
    "ingest.watch",
    Required,
    "\"/srv/modality/out\"",
    "The folder into which the modality writes; its sub-folders are watched too. It may come later, such as a \
     share that is mounted after the start.",
);

pub(super) const INGEST_INOTIFY: Key = Key::new(
    "ingest.inotify",
    Truth(true),
    "Whether to be told of new files by the kernel. It is harmless on a network share, where only `ingest.rescan` \
     finds files.",
);

pub(super) const INGEST_RESCAN: Key = Key::new(
    "ingest.rescan",
    Text("2s"),
    "The pause between two looks at the whole folder, `\"100ms\"` to `\"1h\"`. With very many files it grows by \
     itself, so that looking takes at most a twentieth of the time.",
);

pub(super) const INGEST_SETTLE: Key = Key::new(
    "ingest.settle",
    Text("1s"),
    "A file that was neither closed nor renamed before our eyes is complete after this long without a change, \
     `\"100ms\"` to `\"10min\"`, if it parses to the end of its pixel data.",
);

pub(super) const INGEST_GIVE_UP_AFTER: Key = Key::new(
    "ingest.give_up_after",
    Text("60s"),
    "A file that is not whole, or cannot be read, becomes a fault after this long without a change, `\"1s\"` to \
     `\"1d\"`; it is looked at again whenever it changes.",
);

pub(super) const INGEST_MAX_BYTES: Key = Key::new(
    "ingest.max_bytes",
    Text("200 MB"),
    "Larger files become a fault without being opened, `\"1 kB\"` to `\"4 GB\"`.",
);

pub(super) const INGEST_IGNORE: Key = Key::new(
    "ingest.ignore",
    List(IGNORED),
    "Names that are passed over, beside those with a leading dot: a whole name, or `*` and an ending, in upper or \
     lower case.",
);

pub(super) const INGEST_AFTER: Key = Key::new(
    "ingest.after",
    Text("keep"),
    "What happens to a film in the watched folder once it is recorded: `\"keep\"` leaves it alone, `\"move\"` \
     moves it to `ingest.move_to`, `\"delete\"` deletes it.",
);

pub(super) const INGEST_MOVE_TO: Key = Key::without_default(
    "ingest.move_to",
    Absent,
    "\"/srv/modality/done\"",
    "Where `ingest.after = \"move\"` moves films; outside the watched folder. Sub-folders are kept, nothing is \
     replaced.",
);

pub(super) const INGEST_MAX_PIXELS: Key = Key::new(
    "ingest.max_pixels",
    Whole(40_000_000),
    "Larger films become a fault before they are decoded, 10 000 to 400 000 000 pixels; a film needs up to 12 \
     bytes a pixel while it is decoded.",
);

pub(super) const INGEST_MIN_SIDE: Key = Key::new(
    "ingest.min_side",
    Whole(128),
    "Films whose shorter side has fewer pixels become a fault, 16 to 4096: a preview cannot be measured.",
);

pub(super) const DECODE_SPACING_MM: Key = Key::without_default(
    "decode.spacing_mm",
    Absent,
    "0.143",
    "Millimetres a pixel of films that carry no spacing of their own, 0.01 to 2, such as PNG exports. Without it \
     their millimetres are withheld; a wrong one makes them wrong.",
);

pub(super) const STORE_PATH: Key = Key::new(
    "store.path",
    Text("/var/lib/sagitta"),
    "The folder of the ledger, the sidecars of faults and the engines; made when it is missing. Not in the \
     watched folder.",
);

pub(super) const STORE_REPORTS_KEPT: Key = Key::new(
    "store.reports_kept",
    Whole(5_000),
    "Reports kept for the page, 10 to 1 000 000, at some 12 kB each. Which films were seen is kept for ever.",
);

pub(super) const STORE_OUTBOX_ROWS: Key = Key::new(
    "store.outbox_rows",
    Whole(20_000),
    "Reports and faults that may wait for the broker, 100 to 1 000 000. When as many wait, films stay in their \
     folder until there is room again.",
);

pub(super) const STORE_OVERLAY_BYTES: Key = Key::new(
    "store.overlay_bytes",
    Text("64 MB"),
    "Overlays that may wait for the broker, `\"1 MB\"` to `\"4 GB\"`; beyond it the oldest give way.",
);

pub(super) const FAULTS_KEEP: Key = Key::new(
    "faults.keep",
    Whole(1_000),
    "Sidecars kept in `faults/` below the store, 1 to 100 000; the oldest go first.",
);

pub(super) const FAULTS_QUARANTINE: Key = Key::new(
    "faults.quarantine",
    Truth(false),
    "Whether a file that could not be measured is copied beside its sidecar. The copy is patient data; it never \
     leaves the machine.",
);

pub(super) const FAULTS_QUARANTINE_FILES: Key =
    Key::new("faults.quarantine_files", Whole(20), "Copies kept, 1 to 10 000; the oldest go first.");

pub(super) const FAULTS_QUARANTINE_BYTES: Key = Key::new(
    "faults.quarantine_bytes",
    Text("1 GB"),
    "Bytes of all copies together, `\"1 MB\"` to `\"100 GB\"`; a larger file is not copied.",
);

pub(super) const INFERENCE_PROVIDER: Key = Key::new(
    "inference.provider",
    Text("cpu"),
    "What runs the models: `\"cpu\"`, `\"cuda\"` or `\"tensorrt\"`. Where it cannot, `inference.fallback` takes over and the \
     status is `degraded` with the reason; never silently.",
);

pub(super) const INFERENCE_FALLBACK: Key = Key::new(
    "inference.fallback",
    List(&["cpu"]),
    "What takes over where the provider cannot run, fails, hangs or gives wrong numbers, in this order: `\"cuda\"`, \
     `\"cpu\"`. With `[]` nothing does, and a provider that cannot run is an error at start.",
);

pub(super) const INFERENCE_DEADLINE: Key = Key::new(
    "inference.deadline",
    Text("5s"),
    "How long one run of a model may take before the fallback answers in its place, `\"100ms\"` to `\"5min\"`. The last \
     of them has a minute at least.",
);

pub(super) const INFERENCE_SELF_TEST: Key = Key::new(
    "inference.self_test",
    Text("1d"),
    "The pause between two self-tests on the golden films, `\"10s\"` to `\"30d\"`; the first is soon after the start.",
);

pub(super) const INFERENCE_THREADS: Key =
    Key::new("inference.threads", Whole(0), "CPU threads of one run, 0 to 64; 0 takes every core.");

pub(super) const INFERENCE_MODELS: Key = Key::without_default(
    "inference.models",
    Absent,
    "\"/usr/share/sagitta/models\"",
    "The folder with the models and their `manifest.toml`; by default the one beside the program, or where the \
     package puts it.",
);

pub(super) const INFERENCE_ENGINES: Key = Key::without_default(
    "inference.engines",
    Absent,
    "\"/var/lib/sagitta/engines\"",
    "Where built TensorRT engines are kept; by default `engines` below the store.",
);

pub(super) const INFERENCE_LIBRARY: Key = Key::without_default(
    "inference.library",
    Absent,
    "\"/usr/lib/sagitta/libonnxruntime.so\"",
    "ONNX Runtime's library; by default it is searched for.",
);

pub(super) const ENGINES_PRECISION: Key = Key::new(
    "engines.precision",
    Text("fp16"),
    "The numbers in which TensorRT computes: `\"fp16\"`, `\"fp32\"`, or `\"int8\"` with calibration tables. A model that \
     differs too much from FP32 on the golden films runs in FP32.",
);

pub(super) const ENGINES_WORKSPACE: Key = Key::without_default(
    "engines.workspace",
    Absent,
    "\"1 GB\"",
    "Scratch memory that a layer may take, `\"1 MB\"` to `\"64 GB\"`; by default ONNX Runtime's own.",
);

pub(super) const ENGINES_OPTIMISATION_LEVEL: Key = Key::without_default(
    "engines.optimisation_level",
    Absent,
    "3",
    "How long TensorRT searches when it builds, 0 (short) to 5 (long); by default its own.",
);

pub(super) const ENGINES_DLA_CORE: Key = Key::without_default(
    "engines.dla_core",
    Absent,
    "0",
    "The deep learning accelerator to build for, 0 to 3; what it does not take runs on the GPU. None by default.",
);

pub(super) const ENGINES_CUDA_GRAPH: Key =
    Key::new("engines.cuda_graph", Truth(false), "Whether TensorRT records its launches once and replays them.");

pub(super) const ENGINES_TIMING_CACHE: Key = Key::new(
    "engines.timing_cache",
    Truth(true),
    "Whether timings of kernels are kept, which makes the next build quicker.",
);

pub(super) const ENGINES_CALIBRATION: Key = Key::without_default(
    "engines.calibration",
    Absent,
    "\"/etc/sagitta/calibration\"",
    "The folder of calibration tables for `\"int8\"`: `detector.flatbuffers` and so on, one for each model.",
);

pub(super) const MODELS_KEYS: Key = Key::new(
    "models.keys",
    List(&[]),
    "Public keys (minisign, Ed25519) whose bundles `sagitta models install` takes; without any it takes none.",
);

pub(super) const MODELS_OLDEST: Key =
    Key::new("models.oldest", Whole(0), "Bundles with a lower version than this are refused.");

pub(super) const THRESHOLDS_SEVERE_KYPHOSIS_DEG: Key = Key::new(
    "thresholds.severe_kyphosis_deg",
    Number(-13.0),
    "A C2–C7 Cobb angle below this is a severe kyphosis; degrees, −90 to 0, lordosis positive.",
);

pub(super) const THRESHOLDS_SAGITTAL_IMBALANCE_MM: Key = Key::new(
    "thresholds.sagittal_imbalance_mm",
    Number(40.0),
    "An SVA above this is a sagittal imbalance; millimetres, 0 to 200.",
);

pub(super) const THRESHOLDS_SAGITTAL_BAND_MM: Key = Key::new(
    "thresholds.sagittal_band_mm",
    Number(15.0),
    "An SVA below this is told as well; millimetres, 0 to 200, not above `thresholds.sagittal_imbalance_mm`.",
);

pub(super) const THRESHOLDS_SLIP_MM: Key = Key::new(
    "thresholds.slip_mm",
    Number(3.5),
    "A slip of a body over the next beyond this, forwards or backwards, is an instability; millimetres, 0.1 to \
     20.",
);

pub(super) const THRESHOLDS_SLIP_ANGLE_DEG: Key = Key::new(
    "thresholds.slip_angle_deg",
    Number(11.0),
    "A difference of the slip angle between flexion and extension beyond this is an instability; degrees, 0.1 to \
     60.",
);

pub(super) const THRESHOLDS_PAVLOV: Key = Key::new(
    "thresholds.pavlov",
    Number(0.75),
    "A Pavlov ratio below this on three consecutive levels is a developmental canal stenosis; 0.1 to 2.",
);

pub(super) const THRESHOLDS_EFFORT_DEG: Key = Key::new(
    "thresholds.effort_deg",
    Number(5.0),
    "Less motion than this between flexion and extension is an insufficient effort, from which no stability is \
     concluded; degrees, 0 to 60.",
);

pub(super) const STUDY_WINDOW: Key = Key::new(
    "study.window",
    Text("4h"),
    "Films without StudyInstanceUID are joined when they show the same patient and were taken within this time of each \
     other, `\"1min\"` to `\"2d\"`.",
);

pub(super) const STUDY_EXPIRES: Key = Key::new(
    "study.expires",
    Text("1d"),
    "How long a study is remembered and stays with the broker after its last film, `\"1min\"` to `\"30d\"`. A film that \
     comes later begins it anew.",
);

pub(super) const STUDY_LANGUAGES: Key = Key::new(
    "study.languages",
    List(&["en"]),
    "The languages of the summary: `\"en\"`, `\"zh-Hans\"` (Simplified Chinese). The first is that of `summary`, all are in \
     `summaries`.",
);

pub(super) const MQTT_HOST: Key = Key::new(
    "mqtt.host",
    Text("127.0.0.1"),
    "Host name or address of the broker; with TLS the name that its certificate bears.",
);

pub(super) const MQTT_PORT: Key =
    Key::new("mqtt.port", Whole(1883), "Its port, 1 to 65535; brokers with TLS mostly use 8883.");

pub(super) const MQTT_PREFIX: Key =
    Key::new("mqtt.prefix", Text("sagitta"), "The levels before the device in every topic, with `/` between them.");

pub(super) const MQTT_KEEP_ALIVE: Key = Key::new(
    "mqtt.keep_alive",
    Text("30s"),
    "The pause after which a silent connection is probed, `\"5s\"` to `\"18h\"`; the last will is sent after one \
     and a half times as long.",
);

pub(super) const MQTT_USERNAME: Key =
    Key::without_default("mqtt.username", Absent, "\"sagitta\"", "The user's name at the broker; none by default.");

pub(super) const MQTT_PASSWORD_FILE: Key = Key::without_default(
    "mqtt.password_file",
    Absent,
    "\"/etc/sagitta/mqtt.password\"",
    "A file with the password, readable for the service's user alone. There is no key for the password itself.",
);

pub(super) const MQTT_TLS: Key = Key::new("mqtt.tls", Truth(false), "Whether the connection is encrypted.");

pub(super) const MQTT_CA_FILE: Key = Key::without_default(
    "mqtt.ca_file",
    Absent,
    "\"/etc/sagitta/ca.pem\"",
    "PEM file of the authorities that may have signed the broker's certificate; by default those that the system \
     trusts. Needs `mqtt.tls`.",
);

pub(super) const MQTT_CERT_FILE: Key = Key::without_default(
    "mqtt.cert_file",
    Absent,
    "\"/etc/sagitta/client.pem\"",
    "PEM file of this client's certificate chain, for brokers that ask for one. Needs `mqtt.tls` and \
     `mqtt.key_file`.",
);

pub(super) const MQTT_KEY_FILE: Key = Key::without_default(
    "mqtt.key_file",
    Absent,
    "\"/etc/sagitta/client.key\"",
    "PEM file of this client's key, readable for the service's user alone. Needs `mqtt.cert_file`.",
);

pub(super) const MQTT_OVERLAYS: Key =
    Key::new("mqtt.overlays", Truth(true), "Whether each report's overlay is published as a JPEG; it shows the film.");

pub(super) const MQTT_WEBSOCKET: Key = Key::without_default(
    "mqtt.websocket",
    Absent,
    "\"wss://broker.example:8084/mqtt\"",
    "The broker's own WebSocket listener as browsers reach it, `ws://` or `wss://`. Without it the page reaches the broker \
     through this service, under the page's own address (`/api/mqtt`).",
);

pub(super) const MQTT_PAGE_USERNAME: Key = Key::without_default(
    "mqtt.page_username",
    Absent,
    "\"dashboard\"",
    "The name under which this service lets the page in at a broker that asks for one; the browser never learns it. Does \
     nothing with `mqtt.websocket`.",
);

pub(super) const MQTT_PAGE_PASSWORD_FILE: Key = Key::without_default(
    "mqtt.page_password_file",
    Absent,
    "\"/etc/sagitta/page.password\"",
    "A file with its password, readable for the service's user alone. Needs `mqtt.page_username`.",
);

pub(super) const MQTT_DISCOVERY: Key = Key::new(
    "mqtt.discovery",
    Truth(false),
    "Whether this device is announced to Home Assistant and openHAB: one retained message, taken back by \
     `sagitta discovery remove`.",
);

pub(super) const MQTT_DISCOVERY_PREFIX: Key = Key::new(
    "mqtt.discovery_prefix",
    Text("homeassistant"),
    "The first levels of the topic of that announcement: `<discovery_prefix>/device/sagitta-<device>/config`.",
);

pub(super) const MQTT_REPORT_NOT_APPLICABLE: Key = Key::new(
    "mqtt.report_not_applicable",
    Truth(false),
    "Whether films that are no lateral neck are published as reports, rather than only counted in `health`.",
);

pub(super) const PRIVACY_PATIENT_ID: Key = Key::new(
    "privacy.patient_id",
    Truth(false),
    "Publish the patient's id as it stands in the film, rather than a keyed pseudonym.",
);

pub(super) const PRIVACY_OPERATOR_NAMES: Key = Key::new(
    "privacy.operator_names",
    Truth(false),
    "Count films in `sagitta rejects` by the operator's name as it stands in the film, rather than under a keyed \
     pseudonym. Holds for films that come from then on; operators are never published over MQTT.",
);

pub(super) const PRIVACY_FILE_NAMES: Key = Key::new(
    "privacy.file_names",
    Truth(true),
    "Publish the path of a film below the watched folder. Switch it off where the modality writes patients' names \
     into file names.",
);

pub(super) const PRIVACY_FILE_NAMES_IN_LOG: Key = Key::new(
    "privacy.file_names_in_log",
    Truth(false),
    "Write file names into the log, rather than a short label and the content's hash.",
);

pub(super) const LOG_LEVEL: Key = Key::new(
    "log.level",
    Text("info"),
    "The least grave lines to write: `\"error\"`, `\"warn\"`, `\"info\"`, `\"debug\"` or `\"trace\"`.",
);

pub(super) const LOG_JSON: Key =
    Key::new("log.json", Truth(false), "One JSON object a line, rather than text for people.");
