//! Unicode's normalisation form KC and lower case: the browser's own where there is a browser.

#[cfg(not(target_family = "wasm"))]
pub(crate) use doorward_core::unicode::TABLES as UNICODE;
#[cfg(target_family = "wasm")]
use doorward_core::unicode::Unicode;

/// `String.prototype.normalize` and `toLowerCase`.
#[cfg(target_family = "wasm")]
pub(crate) const UNICODE: Unicode = Unicode {
    nfkc: |text| script::of(text).normalize("NFKC"),
    lowercase: |text| script::of(text).to_lower_case(),
};

#[cfg(target_family = "wasm")]
mod script {
    use wasm_bindgen::prelude::{JsCast as _, JsValue, wasm_bindgen};

    #[wasm_bindgen]
    extern "C" {
        /// A string of JavaScript.
        pub(super) type Text;

        #[wasm_bindgen(method)]
        pub(super) fn normalize(this: &Text, form: &str) -> String;

        #[wasm_bindgen(method, js_name = toLowerCase)]
        pub(super) fn to_lower_case(this: &Text) -> String;
    }

    pub(super) fn of(text: &str) -> Text {
        JsValue::from_str(text).unchecked_into()
    }
}
