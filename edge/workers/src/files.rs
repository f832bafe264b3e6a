//! The files beside the Worker, by the binding `ASSETS` (`[assets]` in `wrangler.toml`).

use bytes::Bytes;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::Env;
use worker::js_sys::{ArrayBuffer, Promise, Reflect, Uint8Array};
use worker::wasm_bindgen::{JsCast, JsValue};
use worker::wasm_bindgen_futures::JsFuture;
use worker::web_sys::Response;

#[wasm_bindgen]
extern "C" {
    /// The binding. The crate's own brings everything that a request can be told, for the path that is all it looks at.
    type Assets;

    #[wasm_bindgen(method, catch)]
    fn fetch(this: &Assets, address: &str) -> Result<Promise, JsValue>;
}

/// A file by its name; none where there is no such file, or no binding.
pub(crate) async fn read(env: &Env, name: &str) -> Option<Bytes> {
    let binding = Reflect::get(env, &"ASSETS".into()).ok()?;
    if binding.is_undefined() {
        return None;
    }
    let assets: Assets = binding.unchecked_into();
    let answer = assets.fetch(&["http://assets/", name].concat()).ok()?;
    let answer: Response = JsFuture::from(answer).await.ok()?.unchecked_into();
    if answer.status() != 200 {
        return None;
    }
    let body = JsFuture::from(answer.array_buffer().ok()?).await.ok()?;
    let body: ArrayBuffer = body.unchecked_into();
    Some(Bytes::from(Uint8Array::new(&body).to_vec()))
}
