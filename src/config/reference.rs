//! The documentation of the keys, made from the keys themselves: the table of `docs/configuration.md` and the example
//! `packaging/sagitta.toml`. A test holds both files to these texts.

use super::read::{Fallback, Key};
use super::{keys, read};

/// Every key, in the order of the documentation.
pub fn all() -> Vec<Key> {
    let nothing = config::Value::new(None, config::ValueKind::Table(config::Map::new()));
    keys::read(&nothing, "").1.keys
}

fn sections() -> Vec<(&'static str, Vec<Key>)> {
    let mut sections: Vec<(&str, Vec<Key>)> = Vec::new();
    for key in all() {
        let section = key.name.split('.').next().unwrap_or_default();
        match sections.iter_mut().find(|(name, _)| *name == section) {
            Some((_, keys)) => keys.push(key),
            None => sections.push((section, vec![key])),
        }
    }
    sections
}

/// A table a section, in Markdown.
pub fn markdown() -> String {
    let mut text = String::new();
    for (section, keys) in sections() {
        text += &format!("\n### [{section}]\n\n| key | default | meaning |\n|---|---|---|\n");
        for key in keys {
            let default = match key.default {
                Fallback::Required => format!("required, such as `{}`", key.example),
                Fallback::Absent => format!("none; such as `{}`", key.example),
                default => format!("`{default}`"),
            };
            let name = read::last(key.name);
            text += &format!("| `{name}` | {default} | {} |\n", key.meaning);
        }
    }
    text
}

/// A commented example. What must be set, and the few keys that most sites change, stand as they would in use; all
/// others are comments that show their defaults.
pub fn example() -> String {
    const SET: [&str; 4] = ["store.path", "mqtt.host", "mqtt.port", "http.listen"];
    let mut text = "# Sagitta's configuration, by default /etc/sagitta/sagitta.toml.\n\
                    # `sagitta check-config` tells everything that is wrong with it. Every key can also be given in the\n\
                    # environment: mqtt.host is SAGITTA_MQTT__HOST. A line that begins with `#` followed by a key shows\n\
                    # the default, or an example where there is none.\n"
        .to_owned();
    for (section, keys) in sections() {
        text += &format!("\n[{section}]\n");
        for (n, key) in keys.iter().enumerate() {
            text += if n > 0 { "\n" } else { "" };
            for line in wrap(key.meaning, 116) {
                text += &format!("# {line}\n");
            }
            let name = read::last(key.name);
            text += &match key.default {
                Fallback::Required => format!("{name} = {}\n", key.example),
                Fallback::Absent => format!("# for example: {name} = {}\n", key.example),
                default if SET.contains(&key.name) => format!("{name} = {default}\n"),
                default => format!("#{name} = {default}\n"),
            };
        }
    }
    text
}

/// `text` in lines of at most `width` letters, without the marks of Markdown.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.replace('`', "").split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + word.chars().count() < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
