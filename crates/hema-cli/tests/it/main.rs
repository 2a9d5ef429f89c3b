//! The `hema` command as people run it: exit status, stdout and stderr of the real program in a
//! folder of its own.

mod audit;
mod augment;
mod balance;
mod builtin;
mod card;
mod challenge;
mod data;
mod disk;
mod ensemble;
mod evaluate;
mod export;
mod fetch;
mod files;
mod formats;
mod hostile_data;
mod hostile_models;
mod hostile_recipes;
mod licences;
mod metrics;
mod next;
mod outputs;
mod promise;
mod recipes;
mod remote;
mod rescale;
mod resume;
mod road;
mod seen;
mod series;
#[path = "../../../hema-fetch/tests/it/server.rs"]
mod server;
mod split;
mod support;
mod sure;
mod tables;
mod test_part;
mod together;
mod tune;
mod unused;
mod weights;
