//! Why a broker does not take a message, and what follows from it.

/// Why a broker did not take a message: the reason code of a PUBACK (MQTT 5, 3.4.2.1) or DISCONNECT (3.14.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonCode(pub u8);

/// What follows from a reason code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// The message itself or its topic is the trouble: set it aside, go on with the others.
    SetAside,
    /// The broker is the trouble: wait, then the same message again.
    Wait,
}

impl ReasonCode {
    /// Not authorised.
    pub const NOT_AUTHORISED: Self = Self(0x87);
    /// Packet too large.
    pub const TOO_LARGE: Self = Self(0x95);
    /// Quota exceeded.
    pub const QUOTA: Self = Self(0x97);

    pub(super) const fn remedy(self) -> Remedy {
        match self.0 {
            // unspecified, implementation specific, server busy, packet id in use, receive maximum, message rate, quota
            0x80 | 0x83 | 0x89 | 0x91 | 0x93 | 0x96 | 0x97 => Remedy::Wait,
            _ => Remedy::SetAside,
        }
    }

    /// In plain words, with what to do.
    pub const fn text(self) -> &'static str {
        match self.0 {
            0x80 => "the broker gave no reason",
            0x83 => "the broker does not accept it for reasons of its own",
            0x87 => "not authorised: let this device write its topics in the broker's access list",
            0x89 => "the broker is busy",
            0x90 => "the broker does not accept the name of the topic",
            0x91 => "the broker says that the packet id is in use",
            0x93 => "too many messages at once for the broker",
            0x95 => "the message is larger than the broker allows: raise its limit for packets to 1 MiB",
            0x96 => "the broker asks for fewer messages",
            0x97 => "the broker's quota is used up",
            0x99 => "the broker does not accept the payload's format",
            0x9A => "the broker does not keep retained messages: allow them",
            0x9B => "the broker does not do QoS 1",
            _ => "refused",
        }
    }
}

/// Why a row is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The broker said so.
    Refused(ReasonCode),
    /// It is larger than what the broker said it takes, in bytes.
    LargerThan(u32),
    /// The connection broke while it was sent, again and again.
    ConnectionLost,
}
