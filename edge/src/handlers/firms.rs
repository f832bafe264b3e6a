//! `GET, POST /api/firms`, `PATCH /api/firms/{id}`: the firms that share this deployment.
//!
//! GET 200 `{firms, nextCursor}`, by slug · POST 201 `{firm}` · PATCH 200 `{firm}` · 401 · 403 `FORBIDDEN` · 404
//! `FIRM_NOT_FOUND` · 409 `SLUG_TAKEN`. A firm's own admin sees and changes that firm alone; firms are made by an admin without
//! a firm. One flight to read, two to write.

use doorward_core::authority::{Action, Target, may};
use doorward_core::error::FieldProblem;
use doorward_core::firm::{FirmName, FirmStatus, Slug};
use doorward_core::id::FirmId;
use doorward_core::permission::Permission;
use http::StatusCode;
use serde::Serialize;

use crate::context::Context;
use crate::error::{Code, Failure};
use crate::extract::{Fields, present};
use crate::guards::allow;
use crate::host::{Host, Rows, SqlError, Statement};
use crate::paging::Page;
use crate::reply::Reply;
use crate::store::firms::{Change, Firm, NewFirm, Updated, create, list, update};

#[derive(Serialize)]
struct Body<'a> {
    firm: &'a Firm,
}

pub(crate) async fn get<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let mut query = Fields::query(&ctx.uri);
    let limit = query.limit();
    let after = query.cursor(|text| Slug::parse(text).ok());
    if let Err(failure) = query.finish() {
        return ctx.refuse(Permission::FirmsRead, failure).await;
    }
    let read = |asker| vec![list(asker, after.as_ref(), limit + 1)];
    let (_, answers) = ctx.listed(&Action::ReadFirms, &read).await?;
    let firms = answers.first().map(Firm::all).transpose()?.unwrap_or_default();
    Ok(Page::new("firms", firms, limit, |firm| firm.slug.clone()).reply())
}

pub(crate) async fn post<H: Host>(ctx: &Context<H>) -> Result<Reply, Failure> {
    let firm = match new_firm(ctx) {
        Ok(body) => body,
        Err(failure) => return ctx.refuse(Permission::FirmsManage, failure).await,
    };
    let (actor, _) = ctx.fresh(Vec::new()).await?;
    let decision = may(&actor.user.principal(), &Action::MakeFirm, &Target::Deployment);
    allow(decision, Code::Forbidden)?;
    let id = FirmId::generate(ctx.now, &ctx.host)?;
    let rows = write(ctx, create(&actor, id, &firm, ctx.step()?)).await?;
    match Firm::first(&rows)? {
        Some(firm) => Ok(Reply::json(StatusCode::CREATED, &Body { firm: &firm })),
        None => ctx.outdated().await,
    }
}

fn new_firm<H: Host>(ctx: &Context<H>) -> Result<NewFirm, Failure> {
    let mut fields = Fields::read(&ctx.headers, &ctx.body, &["status"])?;
    let slug = fields.required("slug", Slug::parse);
    let name = fields.required("name", FirmName::parse);
    let status = fields.optional("status", status);
    fields.finish()?;
    Ok(NewFirm {
        slug: present(slug)?,
        name: present(name)?,
        status: status.unwrap_or(FirmStatus::Active),
    })
}

fn status(word: &str) -> Result<FirmStatus, FieldProblem> {
    FirmStatus::parse(word).ok_or(FieldProblem::Invalid)
}

pub(crate) async fn patch<H: Host>(ctx: &Context<H>, id: FirmId) -> Result<Reply, Failure> {
    let change = match changes(ctx) {
        Ok(body) => body,
        Err(failure) => return ctx.refuse(Permission::FirmsManage, failure).await,
    };
    let (actor, _) = ctx.fresh(Vec::new()).await?;
    let decision = may(&actor.user.principal(), &Action::ChangeFirm, &Target::Firm(id));
    allow(decision, Code::FirmNotFound)?;
    let rows = write(ctx, update(&actor, id, &change, ctx.step()?)).await?;
    match Updated::first(&rows)? {
        Updated::Done(firm) => Ok(Reply::json(StatusCode::OK, &Body { firm: &firm })),
        Updated::Unknown => Err(Code::FirmNotFound.into()),
        Updated::Outdated => ctx.outdated().await,
    }
}

fn changes<H: Host>(ctx: &Context<H>) -> Result<Change, Failure> {
    let mut fields = Fields::read(&ctx.headers, &ctx.body, &["status"])?;
    let change = Change {
        slug: fields.optional("slug", Slug::parse),
        name: fields.optional("name", FirmName::parse),
        status: fields.optional("status", status),
    };
    fields.finish().map(|()| change)
}

/// A write that another firm's slug can stand in the way of.
async fn write<H: Host>(ctx: &Context<H>, statement: Statement<'_>) -> Result<Rows, Failure> {
    match ctx.sql_one(statement).await {
        Err(SqlError::Database(e)) if e.constraint.as_deref() == Some("firms_slug_key") => Err(Code::SlugTaken.into()),
        answer => Ok(answer?),
    }
}
