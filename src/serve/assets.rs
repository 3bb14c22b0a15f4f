//! The built page: every file read into memory once, found by its exact name.
//!
//! A request never becomes a path, so none can climb out of the folder. Links inside the folder are not followed.
//! A page that is built while the service runs is seen after the next start.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use sha2::{Digest as _, Sha256};

use super::Site;

/// Where the package puts the page.
const INSTALLED: &str = "/usr/share/sagitta/page";
/// The page has some five files; a folder with more is none of ours.
const MAX_FILES: usize = 200;
/// The page has some 400 KiB.
const MAX_BYTES: u64 = 16 * 1024 * 1024;
/// Folders below folders.
const MAX_DEPTH: usize = 4;
/// Folders above the program in which a checkout is looked for: `target/debug/deps` has three.
const MAX_ABOVE: usize = 5;

const NOT_BUILT: &str = "The page is not built.\n\n\
    In a checkout: run ./scripts/build-page and start Sagitta again.\n\
    Elsewhere: install the page with the package, or name its folder under [http] page.\n\n\
    The reports are at /api/reports meanwhile.\n";

/// Names below this carry a hash of their content.
const HASHED: &str = "/assets/";

#[derive(Debug)]
struct File {
    content_type: &'static str,
    etag: HeaderValue,
    bytes: Bytes,
}

/// The files of the page by the path of their address; empty where it is not built.
#[derive(Debug, Default)]
pub(super) struct Page(HashMap<String, File>);

impl Page {
    /// The page in `folder`, or without one the first found beside a checkout or where the package puts it.
    pub(super) fn find(folder: Option<&Path>) -> Self {
        let candidates = folder.map_or_else(search_order, |folder| vec![folder.to_path_buf()]);
        let Some(root) = candidates.iter().find(|root| root.join("index.html").is_file()) else {
            tracing::warn!(looked_in = ?candidates, "the page is not built; run ./scripts/build-page");
            return Self::default();
        };
        match Self::read(root) {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(folder = %root.display(), %error, "the page cannot be read");
                Self::default()
            }
        }
    }

    fn read(root: &Path) -> io::Result<Self> {
        let mut files = HashMap::new();
        let mut left = MAX_BYTES;
        read_folder(root, "", MAX_DEPTH, &mut files, &mut left)?;
        Ok(Self(files))
    }

    fn get(&self, path: &str) -> Option<&File> {
        self.0.get(if path == "/" { "/index.html" } else { path })
    }
}

/// Beside the checkout we run in or were built in, then the package's place.
fn search_order() -> Vec<PathBuf> {
    let program = std::env::current_exe().unwrap_or_default();
    let above = program.ancestors().skip(1).take(MAX_ABOVE).map(Path::to_path_buf);
    let checkouts =
        std::env::current_dir().into_iter().chain(above).filter(|folder| folder.join("Cargo.toml").is_file());
    checkouts.map(|checkout| checkout.join("dashboard/dist")).chain([PathBuf::from(INSTALLED)]).collect()
}

fn read_folder(
    folder: &Path,
    prefix: &str,
    depth: usize,
    files: &mut HashMap<String, File>,
    left: &mut u64,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let address = format!("{prefix}/{name}");
        // Of the entry itself: a link is neither a file nor a folder here.
        let kind = entry.file_type()?;
        if kind.is_dir() && depth > 0 {
            read_folder(&entry.path(), &address, depth - 1, files, left)?;
        } else if kind.is_file() {
            let size = entry.metadata()?.len();
            if files.len() >= MAX_FILES || size > *left {
                return Err(io::Error::other(format!(
                    "more than {MAX_FILES} files or {MAX_BYTES} bytes: this is no page of Sagitta"
                )));
            }
            *left -= size;
            let file = file(&name, fs::read(entry.path())?);
            files.insert(address, file);
        }
    }
    Ok(())
}

fn file(name: &str, bytes: Vec<u8>) -> File {
    let digest = Sha256::digest(&bytes);
    let short = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect::<String>();
    let etag = HeaderValue::from_str(&format!("\"{short}\"")).unwrap_or(HeaderValue::from_static("\"\""));
    File { content_type: content_type(name), etag, bytes: bytes.into() }
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// Answers every address that is none of the API's.
pub(super) async fn serve(State(site): State<Arc<Site>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return super::api::wrong_method().await;
    }
    let path = uri.path();
    let Some(file) = site.page.get(path) else {
        return if path == "/" {
            (StatusCode::SERVICE_UNAVAILABLE, NOT_BUILT).into_response()
        } else {
            (StatusCode::NOT_FOUND, "There is nothing at this address.\n").into_response()
        };
    };
    // A name with a hash is for ever; the others are asked for again each time, and cost one empty answer.
    let caching = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let common = [(header::CACHE_CONTROL, HeaderValue::from_static(caching)), (header::ETAG, file.etag.clone())];
    if headers.get(header::IF_NONE_MATCH) == Some(&file.etag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, [(header::CONTENT_TYPE, file.content_type)], file.bytes.clone()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_out_of_the_folder_is_not_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let outside = tempfile::NamedTempFile::new().expect("a file");
        fs::write(folder.path().join("index.html"), "page").expect("written");
        std::os::unix::fs::symlink(outside.path(), folder.path().join("leak.txt")).expect("linked");
        std::os::unix::fs::symlink("/etc", folder.path().join("etc")).expect("linked");
        let page = Page::find(Some(folder.path()));
        assert_eq!(page.0.keys().collect::<Vec<_>>(), ["/index.html"]);
    }

    #[test]
    fn a_folder_that_is_no_page_is_not_read_into_memory() {
        let folder = tempfile::tempdir().expect("a folder");
        for i in 0..=MAX_FILES {
            fs::write(folder.path().join(if i == 0 { "index.html".to_owned() } else { i.to_string() }), "x")
                .expect("written");
        }
        assert!(Page::find(Some(folder.path())).0.is_empty());
    }
}
