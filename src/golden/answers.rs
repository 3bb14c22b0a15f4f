//! `golden.json`: what the models beside it said of the golden films when they were released.
//!
//! `sagitta self-test --write` makes it anew; whoever trains models runs that last.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::domain::anatomy::LANDMARKS;
use crate::domain::geometry::PointPx;
use crate::domain::measurement::{Level, Quantity};

use super::{Answer, Golden};

/// The file beside the manifest.
const FILE: &str = "golden.json";
/// The version of its format.
const SCHEMA: &str = "sagitta.golden/1";

/// Why stored answers cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AnswersError {
    /// There are none.
    #[error("{path} is missing: nothing tells what these models should say; run `sagitta self-test --write` where they are known to be right", path = path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not of this format.
    #[error("{path} cannot be read: {reason}; run `sagitta self-test --write` to make it anew", path = path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// They belong to other models.
    #[error("{path} belongs to other models ({role} differs); run `sagitta self-test --write` to make it anew", path = path.display())]
    OtherModels {
        /// The file.
        path: PathBuf,
        /// The first part that differs.
        role: String,
    },
}

/// The stored answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored(BTreeMap<String, Answer>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    models: BTreeMap<String, String>,
    films: Vec<Film>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Film {
    film: String,
    landmarks: Vec<Option<[f64; 2]>>,
    measurements: Vec<Number>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Number {
    name: String,
    level: Option<String>,
    value: f64,
}

impl Stored {
    /// The answers in `folder`, for models with these hashes (part → SHA-256).
    ///
    /// # Errors
    /// [`AnswersError`]; each says how to make them anew.
    pub fn load(folder: &Path, models: &BTreeMap<String, String>) -> Result<Self, AnswersError> {
        let path = folder.join(FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(AnswersError::Missing { path }),
            Err(source) => return Err(AnswersError::File { path, source }),
        };
        let malformed = |reason: String| AnswersError::Malformed { path: path.clone(), reason };
        let file: File = serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
        if file.schema != SCHEMA {
            return Err(malformed(format!("its format is {}", file.schema)));
        }
        let roles = file.models.keys().chain(models.keys());
        if let Some(role) = roles.into_iter().find(|role| file.models.get(*role) != models.get(*role)) {
            return Err(AnswersError::OtherModels { path: path.clone(), role: role.clone() });
        }
        let films = file.films.into_iter().map(|film| Ok((film.film.clone(), answer(film)?)));
        films.collect::<Result<_, String>>().map(Self).map_err(malformed)
    }

    /// Writes `answers` into `folder`, for models with these hashes.
    ///
    /// # Errors
    /// [`AnswersError::File`].
    pub fn write(
        folder: &Path,
        models: &BTreeMap<String, String>,
        answers: &[(Golden, Answer)],
    ) -> Result<PathBuf, AnswersError> {
        let path = folder.join(FILE);
        let file = File {
            schema: SCHEMA.into(),
            models: models.clone(),
            films: answers.iter().map(|(golden, answer)| film(&golden.name, answer)).collect(),
        };
        let failed = |source| AnswersError::File { path: path.clone(), source };
        let mut text = serde_json::to_vec(&file).map_err(|error| failed(io::Error::other(error)))?;
        text.push(b'\n');
        fs::write(&path, text).map_err(failed)?;
        Ok(path)
    }

    /// What is stored for `film`.
    pub fn of(&self, film: &Golden) -> Option<&Answer> {
        self.0.get(&film.name)
    }
}

fn answer(film: Film) -> Result<Answer, String> {
    if film.landmarks.len() != LANDMARKS {
        return Err(format!("{} has {} landmarks", film.film, film.landmarks.len()));
    }
    let measurements = film.measurements.into_iter().map(|number| {
        let quantity = Quantity::from_name(&number.name).ok_or_else(|| format!("{} is no measurement", number.name))?;
        let level = match &number.level {
            None => None,
            Some(name) => Some(Level::from_name(name).ok_or_else(|| format!("{name} is no level"))?),
        };
        Ok((quantity, level, number.value))
    });
    Ok(Answer {
        landmarks: film.landmarks.into_iter().map(|at| at.map(|[x, y]| PointPx::new(x, y))).collect(),
        measurements: measurements.collect::<Result<_, String>>()?,
    })
}

fn film(name: &str, answer: &Answer) -> Film {
    // Thousandths: far below every limit.
    let short = |value: f64| (value * 1000.0).round() / 1000.0;
    Film {
        film: name.to_owned(),
        landmarks: answer.landmarks.iter().map(|at| at.map(|p| [short(p.x), short(p.y)])).collect(),
        measurements: answer
            .measurements
            .iter()
            .map(|(quantity, level, value)| Number {
                name: quantity.name().to_owned(),
                level: level.map(|level| level.to_string()),
                value: short(*value),
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn models(detector: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("detector".to_owned(), detector.to_owned())])
    }

    fn written(folder: &Path) -> (Golden, Answer) {
        let golden = Golden::make(0).unwrap();
        let mut landmarks = vec![None; LANDMARKS];
        landmarks[4] = Some(PointPx::new(10.25, 20.5));
        let level = Level::from_name("C3-C4");
        let answer = Answer { landmarks, measurements: vec![(Quantity::SegmentalAngle, level, 3.125)] };
        Stored::write(folder, &models("a"), &[(golden.clone(), answer.clone())]).unwrap();
        (golden, answer)
    }

    #[test]
    fn answers_come_back_for_the_same_models_and_no_others() {
        let dir = tempfile::tempdir().unwrap();
        let missing = Stored::load(dir.path(), &models("a")).unwrap_err();
        assert!(matches!(missing, AnswersError::Missing { .. }) && missing.to_string().contains("self-test --write"));
        let (golden, answer) = written(dir.path());
        assert_eq!(Stored::load(dir.path(), &models("a")).unwrap().of(&golden), Some(&answer));
        let other = Stored::load(dir.path(), &models("b")).unwrap_err();
        assert!(matches!(&other, AnswersError::OtherModels { role, .. } if role == "detector"), "{other}");
        let more = BTreeMap::from([("detector".into(), "a".into()), ("locator".into(), "c".to_owned())]);
        assert!(
            matches!(Stored::load(dir.path(), &more), Err(AnswersError::OtherModels { role, .. }) if role == "locator")
        );
    }

    #[test]
    fn a_damaged_file_is_told() {
        let dir = tempfile::tempdir().unwrap();
        written(dir.path());
        let path = dir.path().join(FILE);
        let text = fs::read_to_string(&path).unwrap();
        for bad in [text[..40].to_owned(), text.replace("golden/1", "golden/9"), text.replace("C3-C4", "C3-X4")] {
            fs::write(&path, bad).unwrap();
            assert!(matches!(Stored::load(dir.path(), &models("a")), Err(AnswersError::Malformed { .. })));
        }
    }
}
