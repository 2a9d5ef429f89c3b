//! A table of a file as a struct, and a value of a few words as an enum, each with its rows.
//!
//! [`table!`] writes a struct: a field is a key, and its doc comment and its `#[key(..)]` are the key's row.
//! So no field lacks its row and no row its field. [`words!`] writes an enum likewise.

/// Writes a table of the recipe as a struct. A key is a field with a doc comment and `#[key(ABSENT, in KIND,
/// as "NAME")]`: what holds where it is left out (`required`, `default = ..., before = ...`, or `unset =
/// "what is done instead"`), the values it takes where they are fewer than the type's, and its name where
/// that is not the field's. `within field: Type,` at the start of the struct puts another table's keys among
/// its own.
macro_rules! table {
    (
        $(#[doc = $about:literal])*
        $visibility:vis struct $name:ident {
            $(within $within:ident: $within_type:ty,)?
            $(
                $(#[doc = $text:literal])*
                #[key(
                    $absent:ident $(= $default:literal)? $(, before = $before:literal)?
                    $(, in $kind:expr)? $(, as $key:literal)?
                )]
                $field_visibility:vis $field:ident: $type:ty,
            )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug, PartialEq)]
        $visibility struct $name {
            $(
                $(#[doc = $text])*
                $field_visibility $field: $type,
            )*
            $(
                /// Keys that stand among those of this table, see the type.
                pub $within: $within_type,
            )?
        }

        impl $crate::recipe::read::Keys for $name {
            const TABLE: $crate::recipe::key::Table = $crate::recipe::key::Table::new(
                $crate::recipe::key::trim(concat!($($about),*)),
                &[$($crate::recipe::key::Key {
                    name: $crate::recipe::table::table!(@name $field $($key)?),
                    about: $crate::recipe::key::trim(concat!($($text),*)),
                    kind: $crate::recipe::table::table!(@kind $type $(, $kind)?),
                    absent: $crate::recipe::table::table!(@absent $absent $($default)? $($before)?),
                }),*],
                $crate::recipe::table::table!(@within $($within_type)?),
            );

            fn read_keys(
                values: &$crate::recipe::read::Values<'_>,
            ) -> Result<Self, $crate::recipe::read::Problem> {
                Ok(Self {
                    $($field: values.take($crate::recipe::table::table!(@name $field $($key)?))?,)*
                    $($within: $crate::recipe::read::Keys::read_keys(values)?,)?
                })
            }

            fn write_keys(&self, table: &mut toml::Table) {
                $(
                    if let Some(value) = $crate::recipe::read::Field::write(&self.$field) {
                        table.insert($crate::recipe::table::table!(@name $field $($key)?).to_owned(), value);
                    }
                )*
                $($crate::recipe::read::Keys::write_keys(&self.$within, table);)?
            }
        }

        impl $crate::recipe::read::Field for $name {
            const KIND: $crate::recipe::key::Kind = $crate::recipe::key::Kind::Tables(
                stringify!($name),
                || vec![<Self as $crate::recipe::read::Keys>::TABLE],
            );

            fn read(
                value: &toml::Value,
                _: &$crate::recipe::key::Kind,
                place: &$crate::recipe::read::Place,
            ) -> Result<Self, $crate::recipe::read::Problem> {
                $crate::recipe::read::read_table(value, place)
            }

            fn write(&self) -> Option<toml::Value> {
                Some(toml::Value::Table($crate::recipe::read::write_table(self)))
            }
        }
    };
    (@name $field:ident) => { stringify!($field) };
    (@name $field:ident $key:literal) => { $key };
    (@kind $type:ty) => { <$type as $crate::recipe::read::Field>::KIND };
    (@kind $type:ty, $kind:expr) => { $kind };
    (@absent required) => { $crate::recipe::key::Absent::Required };
    (@absent unset $instead:literal) => { $crate::recipe::key::Absent::Unset($instead) };
    (@absent default $default:literal $before:literal) => {
        $crate::recipe::key::Absent::Value { default: $default, before: $before }
    };
    (@within) => { None };
    (@within $type:ty) => { Some(|| <$type as $crate::recipe::read::Keys>::TABLE) };
}

/// Writes a value that is one of a few words as an enum; the doc comment of a variant says what its word
/// stands for. With `for Type` in place of the enum, it gives words to the variants of an enum that stands
/// elsewhere.
macro_rules! words {
    (
        $(#[doc = $about:literal])*
        pub enum $name:ident {
            $($(#[doc = $text:literal])* $variant:ident = $word:literal,)*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $text])* $variant,)*
        }

        $crate::recipe::table::words! { for $name { $($(#[doc = $text])* $variant = $word,)* } }
    };
    (for $name:ident { $($(#[doc = $text:literal])* $variant:ident = $word:literal,)* }) => {
        impl $crate::recipe::read::Words for $name {
            const WORDS: &'static [(Self, &'static str, &'static str)] =
                &[$((Self::$variant, $word, $crate::recipe::key::trim(concat!($($text),*)))),*];

            fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }
        }

        impl $crate::recipe::read::Field for $name {
            const KIND: $crate::recipe::key::Kind = $crate::recipe::key::Kind::Words {
                list: None,
                all: $crate::recipe::read::words_of::<Self>,
            };

            fn read(
                value: &toml::Value,
                _: &$crate::recipe::key::Kind,
                place: &$crate::recipe::read::Place,
            ) -> Result<Self, $crate::recipe::read::Problem> {
                $crate::recipe::read::read_word(value, place)
            }

            fn write(&self) -> Option<toml::Value> {
                Some($crate::recipe::read::Words::word(*self).into())
            }
        }
    };
}

pub(super) use {table, words};
