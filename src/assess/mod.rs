//! From numbers to judgement: is the film good enough, and what do the numbers cross?
