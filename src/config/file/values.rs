//! TOML's values to ours: texts, lists, commands and `when`.

use toml::{Spanned, de::DeValue};

use super::{Raw, Reader, When, in_order};

impl Reader<'_> {
    pub(super) fn when(&mut self, value: &Spanned<DeValue<'_>>) -> Option<When> {
        let mut when = When::default();
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(value.span().start, "`when` is not `{ env = \"NAME\", default = false }`");
            return None;
        };
        for (key, span, value) in in_order(table) {
            match (key, value.get_ref()) {
                ("env", DeValue::String(name)) => when.variable = name.to_string(),
                ("default", DeValue::Boolean(default)) => when.default = *default,
                ("env" | "default", _) => {
                    self.wrong(span.start, &format!("`{key}` of `when` has the wrong type"));
                }
                _ => self.unknown(span.start, key, "`when`", ["env", "default"]),
            }
        }
        if when.variable.is_empty() {
            self.wrong(value.span().start, "`when` names no `env`");
            return None;
        }
        Some(when)
    }

    pub(super) fn raw(&mut self, value: &Spanned<DeValue<'_>>, key: &str) -> Option<Raw> {
        match value.get_ref() {
            DeValue::Array(_) => Some(Raw::List(self.list(value, key))),
            _ => self.text(value, key).map(Raw::Text),
        }
    }

    pub(super) fn text(&mut self, value: &Spanned<DeValue<'_>>, key: &str) -> Option<String> {
        match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Boolean(value) => Some(value.to_string()),
            DeValue::Integer(number) => Some(number.as_str().to_owned()),
            DeValue::Float(number) => Some(number.as_str().to_owned()),
            other => {
                self.wrong(
                    value.span().start,
                    &format!("`{key}` is a {} and should be a text", other.type_str()),
                );
                None
            }
        }
    }

    pub(super) fn list(&mut self, value: &Spanned<DeValue<'_>>, key: &str) -> Vec<String> {
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(value.span().start, &format!("`{key}` is not a list"));
            return Vec::new();
        };
        items.iter().filter_map(|item| self.text(item, key)).collect()
    }
}
