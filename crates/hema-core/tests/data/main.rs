//! Data sets in every form, well-made and hostile, through the public interface.

mod damage;
mod depth;
mod failing;
mod foreign;
mod forms;
mod fuzz;
mod helper;
mod hostile;
mod numpy;
mod pages;
mod pictures;
mod readers;
mod real;
mod tables;
mod unused;
mod writing;
