//! Random draws from a seed: the same seed gives the same film, on every machine and with any number of threads.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of draws.
#[derive(Debug, Clone)]
pub struct Draw(ChaCha8Rng);

impl Draw {
    /// The stream `purpose` of `seed`: streams of one seed are independent, so that a draw added to one purpose does
    /// not change the others.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(purpose);
        Self(rng)
    }

    /// A further stream beside this one, which stays where it is: for what is drawn since, so that the rest stays as it was.
    pub fn aside(&self, purpose: u64) -> Self {
        let mut rng = ChaCha8Rng::from_seed(self.0.get_seed());
        rng.set_stream(self.0.get_stream() ^ (purpose << 32));
        Self(rng)
    }

    /// Even between `low` and `high`.
    pub fn even(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.0.random::<f32>()
    }

    /// Normal, cut off at 2.5 standard deviations.
    pub fn normal(&mut self, mean: f32, sd: f32) -> f32 {
        mean + sd * self.standard().clamp(-2.5, 2.5)
    }

    /// Standard normal (Box–Muller).
    pub fn standard(&mut self) -> f32 {
        let radius = (-2.0 * (1.0 - self.0.random::<f32>()).ln()).sqrt();
        radius * (std::f32::consts::TAU * self.0.random::<f32>()).cos()
    }

    /// Two independent standard normal numbers for the price of one.
    pub fn standard_pair(&mut self) -> (f32, f32) {
        let radius = (-2.0 * (1.0 - self.0.random::<f32>()).ln()).sqrt();
        let (s, c) = (std::f32::consts::TAU * self.0.random::<f32>()).sin_cos();
        (radius * c, radius * s)
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f32) -> bool {
        self.0.random::<f32>() < p
    }

    /// A whole number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        self.0.random_range(0..n.max(1))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.random()
    }

    /// A quick generator seeded from here, for millions of draws whose quality nobody can see.
    pub fn quick(&mut self) -> Quick {
        Quick(self.bits() | 1)
    }
}

/// Marsaglia's xorshift* with 64 bits of state (Vigna 2016): for textures.
#[derive(Debug, Clone)]
pub struct Quick(u64);

impl Quick {
    /// Even between 0 and 1.
    pub fn even(&mut self) -> f32 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40) as f32 / 16_777_216.0
    }
}
