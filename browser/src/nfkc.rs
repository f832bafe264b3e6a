//! Unicode's normalisation form KC: the browser's own where there is a browser.

/// A text in NFKC.
#[cfg(target_family = "wasm")]
pub(crate) fn nfkc(text: &str) -> String {
    use wasm_bindgen::prelude::{JsCast as _, JsValue, wasm_bindgen};

    #[wasm_bindgen]
    extern "C" {
        /// A string of JavaScript.
        type Text;

        /// `String.prototype.normalize`
        #[wasm_bindgen(method)]
        fn normalize(this: &Text, form: &str) -> String;
    }

    JsValue::from_str(text).unchecked_into::<Text>().normalize("NFKC")
}

#[cfg(not(target_family = "wasm"))]
pub(crate) use doorward_core::nfkc::by_tables as nfkc;
