//! What all schemas of an object say together: which properties there may be, which there must be,
//! and what may come under other names. Where they disagree, the strictest counts.

use std::collections::HashSet;

use super::super::super::GrammarError;
use super::super::super::json::Json;
use super::super::facts::Facts;
use super::super::node::Node;
use super::super::nothing;

/// Properties of one object.
const MAX_PROPERTIES: usize = 256;

pub(super) struct Property<'a> {
    pub(super) name: &'a str,
    pub(super) required: bool,
    /// Nothing for any value.
    pub(super) schemas: Vec<Node<'a>>,
}

pub(super) struct Shape<'a> {
    /// In the order they are written.
    pub(super) properties: Vec<Property<'a>>,
    /// All names that are spoken of, also those that are not permitted.
    pub(super) names: Vec<&'a str>,
    /// What values under other names must satisfy; None where there may be no other names.
    pub(super) others: Option<Vec<Node<'a>>>,
    pub(super) min: u64,
    pub(super) max: Option<u64>,
}

/// What one schema says of a name it does not declare.
enum Others<'a> {
    Silent,
    None,
    /// Nothing, where no other schema speaks of it.
    Evaluated,
    Any,
    Each(Node<'a>),
}

struct Spoken<'a> {
    declared: Vec<(&'a str, Node<'a>)>,
    others: Others<'a>,
}

pub(super) fn shape_of<'a>(facts: &Facts<'a>) -> Result<Shape<'a>, GrammarError> {
    let mut required = Vec::new();
    let (mut min, mut max) = (0, None::<u64>);
    let mut spoken = Vec::new();
    for node in &facts.nodes {
        let list = node.keyword("required");
        // In draft 3 it is a boolean of the property.
        if let Some(list) = list.filter(|list| !matches!(list.json, Json::Bool(_))) {
            for name in list.items()? {
                required.push(name.text()?);
            }
        }
        spoken.push(spoken_by(node, &facts.nodes[0])?);
        if let Some(least) = node.keyword("minProperties") {
            min = min.max(least.count()?);
        }
        if let Some(most) = node.keyword("maxProperties") {
            let most = most.count()?;
            max = Some(max.map_or(most, |max| max.min(most)));
        }
    }
    let declared = spoken
        .iter()
        .flat_map(|it| it.declared.iter().map(|(name, _)| *name));
    let mut names: Vec<&str> = declared.chain(required.iter().copied()).collect();
    let mut seen = HashSet::new();
    names.retain(|name| seen.insert(*name));
    if names.len() > MAX_PROPERTIES {
        let reason = format!("an object may have at most {MAX_PROPERTIES} properties");
        return facts.nodes[0].refuse(reason);
    }
    let properties = properties_of(facts, &names, &required, &spoken)?;
    let any = |says: fn(&Others<'_>) -> bool| spoken.iter().any(|it| says(&it.others));
    let closes = any(|others| matches!(others, Others::None | Others::Evaluated));
    let opens = any(|others| matches!(others, Others::Any | Others::Each(_)));
    let each = spoken.into_iter().filter_map(|it| match it.others {
        Others::Each(schema) => Some(schema),
        _ => None,
    });
    Ok(Shape {
        others: (!closes && (opens || names.is_empty())).then(|| each.collect()),
        properties,
        names,
        min,
        max,
    })
}

fn spoken_by<'a>(node: &Node<'a>, outermost: &Node<'a>) -> Result<Spoken<'a>, GrammarError> {
    let properties = node.keyword("properties");
    let others = match node.keyword("additionalProperties") {
        None => Others::Silent,
        Some(schema) => match schema.json {
            Json::Bool(false) => Others::None,
            Json::Bool(true) => Others::Any,
            _ => Others::Each(schema),
        },
    };
    let others = match node.keyword("unevaluatedProperties") {
        None => others,
        Some(rest) if *rest.json != Json::Bool(false) => {
            return rest.refuse("\"unevaluatedProperties\" may only be false");
        }
        Some(_) if is_alone(node) => Others::None,
        // Names that the schemas it refers to declare are evaluated, and only those are written.
        Some(_) if node.at == outermost.at => Others::Evaluated,
        Some(rest) => return rest.refuse("inside of other schemas this is not supported"),
    };
    Ok(Spoken {
        declared: properties.map_or_else(|| Ok(Vec::new()), |it| it.members())?,
        others,
    })
}

/// No other schema speaks of the same value through this one.
fn is_alone(node: &Node<'_>) -> bool {
    let through = ["$ref", "allOf", "anyOf", "oneOf"];
    through.iter().all(|name| node.json.get(name).is_none())
}

fn properties_of<'a>(
    facts: &Facts<'a>,
    names: &[&'a str],
    required: &[&'a str],
    spoken: &[Spoken<'a>],
) -> Result<Vec<Property<'a>>, GrammarError> {
    let required: HashSet<&str> = required.iter().copied().collect();
    let mut properties = Vec::new();
    for name in names {
        let is_required = required.contains(name);
        match schemas_of(name, spoken) {
            Some(schemas) => properties.push(Property {
                name,
                required: is_required,
                schemas,
            }),
            None if is_required => {
                let reason = format!("\"{name}\" is required and not permitted");
                return Err(nothing(&facts.nodes[0], &reason));
            }
            None => {}
        }
    }
    Ok(properties)
}

/// What every schema says of a property; None where one of them does not permit it.
fn schemas_of<'a>(name: &str, spoken: &[Spoken<'a>]) -> Option<Vec<Node<'a>>> {
    let mut schemas = Vec::new();
    for Spoken { declared, others } in spoken {
        match (declared.iter().find(|(known, _)| *known == name), others) {
            (Some((_, schema)), _) if *schema.json == Json::Bool(false) => return None,
            (Some((_, schema)), _) => schemas.push(schema.clone()),
            (None, Others::None) => return None,
            (None, Others::Each(schema)) => schemas.push(schema.clone()),
            (None, Others::Silent | Others::Any | Others::Evaluated) => {}
        }
    }
    Some(schemas)
}
