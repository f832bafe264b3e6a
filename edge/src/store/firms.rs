//! Firms: listed, made and changed.

use doorward_core::firm::{FirmName, FirmStatus, Slug};
use doorward_core::id::FirmId;
use doorward_core::time::Time;
use serde::Serialize;

use super::acts::{Actor, Asker, actor, asked};
use super::tokens::Step;
use super::{Reader, maybe, millis, scope, shown, statement, text, within};
use crate::error::Failure;
use crate::host::{Rows, Statement};

/// A firm as the API shows one.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub(crate) struct Firm {
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::id))]
    pub(crate) id: FirmId,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::given))]
    pub(crate) slug: String,
    pub(crate) name: String,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::firm_status))]
    status: FirmStatus,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::time))]
    created_at: Time,
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::formats::time))]
    updated_at: Time,
}

macro_rules! firm_columns {
    () => {
        concat!(
            "f.id, f.slug, f.name, f.status, ",
            millis!("f.created_at"),
            ", ",
            millis!("f.updated_at")
        )
    };
}

impl Firm {
    fn decode(row: &mut Reader<'_>) -> Result<Self, Failure> {
        Ok(Self {
            id: row.parsed(FirmId::parse)?,
            slug: row.text()?.to_owned(),
            name: row.text()?.to_owned(),
            status: row.parsed(FirmStatus::parse)?,
            created_at: row.time()?,
            updated_at: row.time()?,
        })
    }

    /// Every row's firm.
    pub(crate) fn all(rows: &Rows) -> Result<Vec<Self>, Failure> {
        Reader::all(rows, "firm")
            .map(|mut row| Self::decode(&mut row))
            .collect()
    }

    /// The answer to [`create`]; nothing where whoever acts isn't any more who it was.
    pub(crate) fn first(rows: &Rows) -> Result<Option<Self>, Failure> {
        Reader::first(rows, "firm")
            .map(|mut row| Self::decode(&mut row))
            .transpose()
    }
}

/// Up to `limit` firms of a scope, by their slugs, from behind `after`.
pub(crate) fn list(asker: Asker, after: Option<&Slug>, limit: usize) -> Statement<'_> {
    let [all, own] = scope(asker.scope);
    let mut params = vec![all, own, maybe(after.map(Slug::as_str)), shown(limit)];
    params.extend(asker.params());
    statement(
        "firm.list",
        concat!(
            "SELECT ",
            firm_columns!(),
            " FROM firms AS f WHERE ",
            within!("f.id", "$1", "$2"),
            " AND ($3::text IS NULL OR f.slug > $3::text) AND ",
            asked!("$5", "$6", "$7", "$8"),
            " ORDER BY f.slug LIMIT $4::text::bigint"
        ),
        params,
    )
}

/// One row if there is such a firm.
pub(crate) fn exists(firm: FirmId) -> Statement<'static> {
    let sql = "SELECT 1 FROM firms WHERE id = $1::text::uuid";
    statement("firm.exists", sql, vec![shown(firm)])
}

/// A firm that isn't there yet.
#[derive(Debug)]
pub(crate) struct NewFirm {
    pub(crate) slug: Slug,
    pub(crate) name: FirmName,
    pub(crate) status: FirmStatus,
}

/// Makes a firm.
pub(crate) fn create<'a>(actor: &'a Actor, id: FirmId, firm: &'a NewFirm, step: Step<'a>) -> Statement<'a> {
    statement(
        "firm.create",
        concat!(
            "WITH ",
            actor!(),
            ", f AS (
                INSERT INTO firms (id, slug, name, status, created_at, updated_at)
                SELECT $9::text::uuid, $10::text, $11::text, $12::text, $3::text::timestamptz, $3::text::timestamptz FROM actor
                RETURNING *
             ), event AS (
                INSERT INTO events (id, firm_id, actor_id, kind, outcome, ip, user_agent, details, created_at)
                SELECT $6::text::uuid, id, $2::text::uuid, 'firm.created', 'success', $7::text, $8::text,
                       jsonb_build_object('before', NULL,
                                          'after', jsonb_build_object('slug', slug, 'name', name, 'status', status)),
                       $3::text::timestamptz
                FROM f
             )
             SELECT ",
            firm_columns!(),
            " FROM f"
        ),
        actor.params(
            step,
            [
                shown(id),
                text(firm.slug.as_str()),
                text(firm.name.as_str()),
                text(firm.status.as_str()),
            ],
        ),
    )
}

/// What is to be another one about a firm; the rest stays.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) slug: Option<Slug>,
    pub(crate) name: Option<FirmName>,
    pub(crate) status: Option<FirmStatus>,
}

/// Changes a firm.
pub(crate) fn update<'a>(actor: &'a Actor, firm: FirmId, change: &'a Change, step: Step<'a>) -> Statement<'a> {
    statement(
        "firm.update",
        concat!(
            "WITH ",
            actor!(),
            ", before AS (
                SELECT id, slug, name, status FROM firms
                WHERE id = $9::text::uuid AND EXISTS (SELECT 1 FROM actor) FOR UPDATE
             ), f AS (
                UPDATE firms
                SET slug = coalesce($10::text, before.slug), name = coalesce($11::text, before.name),
                    status = coalesce($12::text, before.status), updated_at = $3::text::timestamptz
                FROM before WHERE firms.id = before.id
                RETURNING firms.*
             ), event AS (
                INSERT INTO events (id, firm_id, actor_id, kind, outcome, ip, user_agent, details, created_at)
                SELECT $6::text::uuid, f.id, $2::text::uuid, 'firm.updated', 'success', $7::text, $8::text,
                       jsonb_build_object(
                           'before', jsonb_build_object('slug', before.slug, 'name', before.name, 'status', before.status),
                           'after', jsonb_build_object('slug', f.slug, 'name', f.name, 'status', f.status)),
                       $3::text::timestamptz
                FROM f, before
                WHERE (f.slug, f.name, f.status) IS DISTINCT FROM (before.slug, before.name, before.status)
             )
             SELECT EXISTS (SELECT 1 FROM actor), ",
            firm_columns!(),
            " FROM (SELECT 1) AS one LEFT JOIN f ON true"
        ),
        actor.params(
            step,
            [
                shown(firm),
                maybe(change.slug.as_ref().map(Slug::as_str)),
                maybe(change.name.as_ref().map(FirmName::as_str)),
                maybe(change.status.map(FirmStatus::as_str)),
            ],
        ),
    )
}

/// What became of [`update`].
#[derive(Debug)]
pub(crate) enum Updated {
    /// The firm as it is now.
    Done(Firm),
    /// There is no such firm.
    Unknown,
    /// Whoever acts isn't any more who it was.
    Outdated,
}

impl Updated {
    /// The answer to [`update`].
    pub(crate) fn first(rows: &Rows) -> Result<Self, Failure> {
        let mut row = Reader::first(rows, "firm").ok_or_else(|| Failure::bad_row("firm"))?;
        Ok(match (row.flag()?, row.is_present()) {
            (false, _) => Self::Outdated,
            (true, false) => Self::Unknown,
            (true, true) => Self::Done(Firm::decode(&mut row)?),
        })
    }
}
