//! TOML's values to ours: texts, lists, commands and `when`.

use toml::{Spanned, de::DeValue};

use super::{Raw, Reader, When, in_order};

impl Reader<'_> {
    pub(super) fn when(&mut self, value: &Spanned<DeValue<'_>>, step: &str) -> Option<When> {
        let subject = format!("`steps.{step}.when`");
        let mut when = When::default();
        let Some(table) = value.get_ref().as_table() else {
            let message = format!("{subject} is not `{{ env = \"NAME\", default = false }}`");
            self.wrong(value.span().start, &message);
            return None;
        };
        for (key, span, value) in in_order(table) {
            match (key, value.get_ref()) {
                ("env", DeValue::String(name)) if !name.is_empty() => {
                    when.variable = name.to_string();
                }
                ("default", DeValue::Boolean(default)) => when.default = *default,
                ("env", _) => self.wrong(span.start, &format!("`env` of {subject} is not a name")),
                ("default", _) => {
                    self.wrong(span.start, &format!("`default` of {subject} is not true or false"));
                }
                _ => self.unknown(span.start, key, &format!("in {subject}"), ["env", "default"]),
            }
        }
        if when.variable.is_empty() && !table.contains_key("env") {
            self.wrong(value.span().start, &format!("{subject} names no `env`"));
        }
        (!when.variable.is_empty()).then_some(when)
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
