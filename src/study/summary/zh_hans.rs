//! The summary in Simplified Chinese, in the words of radiology reports: 中立位, 过屈位, 过伸位, 椎体滑移, 后凸, 前凸, 矢状面失衡,
//! 发育性椎管狭窄. Full-width punctuation in sentences; levels, numbers and units as in the other languages.

use super::{Against, Film, Indicator, Line, Number, Obstacle, Threshold, plain, written};
use crate::domain::measurement::{Cause, Level, Quantity};
use crate::domain::report::{Certainty, Position};
use crate::study::Disagreement;

pub(super) fn say(line: &Line) -> String {
    match line {
        Line::Films { positions, replaced } => films(positions, *replaced),
        Line::Missing(views) => format!(
            "缺少{}片，无法评估颈椎活动度及动态稳定性，请在患者离开前补拍。",
            joined(&views.iter().map(|film| short(*film).to_owned()).collect::<Vec<_>>())
        ),
        Line::Disagreement(film, disagreement) => disagrees(*film, disagreement),
        Line::Range { over, range } => format!("过屈位与过伸位间{over}活动度为{}。", degrees(range)),
        Line::InsufficientEffort { least } => {
            format!(
                "活动幅度不足：屈伸活动度小于{}°，不能判定任何节段稳定。如患者能够配合，建议加大屈伸幅度后重新摄片。",
                plain(*least)
            )
        }
        Line::Unstable { level, certainty, slip, angle } => unstable(*level, *certainty, slip.as_ref(), angle.as_ref()),
        Line::Stable { levels, borderline, slip_mm, angle_deg } => stable(levels, borderline, *slip_mm, *angle_deg),
        Line::Curve { film, over, cobb, kyphosis } => {
            let judged = kyphosis.as_ref().map_or_else(String::new, |k| {
                let what = if k.beyond { "符合重度后凸" } else { "未达重度后凸" };
                format!("，{what}（阈值{}°{}）", plain(k.threshold), border(k))
            });
            format!("{}片{over} Cobb角为{}{judged}。", short(*film), degrees(cobb))
        }
        Line::Balance { sva, imbalance, magnified } => {
            let judged = imbalance.as_ref().map_or_else(String::new, |i| {
                let what = if i.beyond { "提示矢状面失衡" } else { "未见矢状面失衡" };
                format!("，{what}（阈值{} mm{}）", plain(i.threshold), border(i))
            });
            let note = if *magnified { "受放大率影响，片上长度可能偏大。" } else { "" };
            format!("C2-C7矢状面轴向距离（SVA）为{}{judged}。{note}", millimetres(sva))
        }
        Line::Slip { film, level, slip, against } => format!(
            "{}片示{level}椎体{}，滑移距离{}。",
            short(*film),
            if slip.estimate.value() > 0.0 { "向前滑移" } else { "向后滑移" },
            beside(&millimetres(slip), &format!("阈值{} mm{}", plain(against.threshold), border(against)))
        ),
        Line::NoSlip { film, threshold } => {
            format!("{}片各节段椎体滑移均未超过{} mm。", short(*film), plain(*threshold))
        }
        Line::NarrowCanal { level, smallest, against } => {
            let least = smallest
                .as_ref()
                .map_or_else(String::new, |(at, ratio)| format!("，以{at}最小，为{}", ratio_of(ratio)));
            format!(
                "{level}发育性椎管狭窄：连续三个及以上节段Pavlov比值小于{}{least}{}。",
                plain(against.threshold),
                if against.certainty == Certainty::Borderline { "（临界）" } else { "" }
            )
        }
        Line::WideCanal { threshold, certainty } => format!(
            "椎管：未见连续三个节段Pavlov比值小于{}{}。",
            plain(*threshold),
            if *certainty == Certainty::Borderline { "（临界）" } else { "" }
        ),
        Line::Support { level, indicators } => {
            let all: Vec<_> = indicators.iter().map(|i| indicator(*i).to_owned()).collect();
            format!("{level}节段有{}项指标相互印证：{}。", all.len(), joined(&all))
        }
        Line::MotionUnknown { levels, why } => format!("{}的活动情况无法评估：{}。", levels_of(levels), because(why)),
        Line::RangeUnknown(why) => format!("活动度未能可靠测得，不能判定任何节段稳定：{}。", because(why)),
        Line::NoNeutral => "缺少中立位片，未评估颈椎曲度及矢状面平衡。".into(),
        Line::NotTold { quantities, why } => {
            let all: Vec<_> = quantities.iter().map(|q| quantity(*q).to_owned()).collect();
            format!("以下指标全部或部分节段未能测得：{}。原因：{}。", joined(&all), because(why))
        }
        Line::Unplaced(n) => format!("有{n}张片体位不明，未参与活动度评估。"),
        Line::Thresholds { published, own } => thresholds(published, own),
        Line::Notice => "本结果仅供测量参考，不作为诊断依据，所有数值须经医师在原片上核对。".into(),
    }
}

fn films(positions: &[Film], replaced: usize) -> String {
    let all: Vec<_> = positions.iter().map(|film| short(*film).to_owned()).collect();
    let again =
        if replaced == 0 { String::new() } else { format!("其中{replaced}张已重拍，以后拍者为准。") };
    format!("现有体位：{}。{again}", joined(&all))
}

fn disagrees(film: Film, disagreement: &Disagreement) -> String {
    match disagreement {
        Disagreement::Looks { header, anatomy, anatomy_believed } => format!(
            "请核对体位标注：标注为{}，但影像表现为{}，现按{}处理。",
            position(*header),
            position(*anatomy),
            position(if *anatomy_believed { *anatomy } else { *header })
        ),
        Disagreement::Swapped(bend) => format!(
            "请核对体位标注：过屈位片的颈椎前凸反而比过伸位片大{}°，两者标注可能颠倒（{}）。",
            written(*bend, 0),
            short(film)
        ),
        Disagreement::SameName(apart) => format!(
            "请核对体位标注：两张{}片的颈椎曲度相差{}°，其中一张可能为其他体位。",
            short(film),
            written(*apart, 0)
        ),
    }
}

fn unstable(level: Level, certainty: Certainty, slip: Option<&(Number, f64)>, angle: Option<&(Number, f64)>) -> String {
    let surely = if certainty == Certainty::Borderline { "（临界）" } else { "" };
    let slip = slip.map_or_else(
        || "滑移距离变化未能测得".to_owned(),
        |(slip, limit)| {
            format!("屈伸位间滑移距离变化{}", beside(&millimetres(slip), &format!("阈值{} mm", plain(*limit))))
        },
    );
    let angle = angle.map_or_else(
        || "滑移角变化未能测得".to_owned(),
        |(angle, limit)| format!("滑移角变化{}", beside(&degrees(angle), &format!("阈值{}°", plain(*limit)))),
    );
    format!("{level}节段动态不稳{surely}：{slip}，{angle}。")
}

fn stable(levels: &[Level], borderline: &[Level], slip_mm: f64, angle_deg: f64) -> String {
    let near = if borderline.is_empty() {
        String::new()
    } else {
        format!("其中{}接近阈值（临界）。", levels_of(borderline))
    };
    format!(
        "{}节段未见动态不稳：滑移距离变化不超过{} mm，滑移角变化不超过{}°。{near}",
        levels_of(levels),
        plain(slip_mm),
        plain(angle_deg)
    )
}

fn thresholds(published: &[Threshold], own: &[Threshold]) -> String {
    let list = |all: &[Threshold]| all.iter().map(threshold).collect::<Vec<_>>().join("，");
    let mut said = String::new();
    if !published.is_empty() {
        said += &format!("阈值依据颈椎病多任务诊断框架（Nature Communications）：{}。", list(published));
    }
    if !own.is_empty() {
        said += &format!("本机构自定阈值：{}。", list(own));
    }
    if said.is_empty() { "本次未使用任何阈值。".into() } else { said }
}

fn threshold(threshold: &Threshold) -> String {
    match threshold {
        Threshold::Kyphosis(value) => format!("Cobb角{}°（Suda等）", plain(*value)),
        Threshold::Imbalance(value) => format!("SVA {} mm", plain(*value)),
        Threshold::Slip(value) => format!("滑移距离及其变化{} mm", plain(*value)),
        Threshold::Angle(value) => format!("滑移角变化{}°", plain(*value)),
        Threshold::Pavlov(value) => format!("连续三个节段Pavlov比值{}", plain(*value)),
    }
}

fn border(against: &Against) -> &'static str {
    if against.certainty == Certainty::Borderline { "，临界" } else { "" }
}

fn short(film: Film) -> &'static str {
    match film {
        Film::Neutral => "中立位",
        Film::Flexion => "过屈位",
        Film::Extension => "过伸位",
        Film::Unplaced => "体位不明",
    }
}

fn position(of: Position) -> &'static str {
    short(of.into())
}

fn indicator(indicator: Indicator) -> &'static str {
    match indicator {
        Indicator::StaticSlip => "单张片椎体滑移",
        Indicator::SlipChange => "屈伸位滑移距离变化",
        Indicator::AngleChange => "屈伸位滑移角变化",
        Indicator::NarrowCanal => "椎管狭窄",
    }
}

fn quantity(quantity: Quantity) -> &'static str {
    match quantity {
        Quantity::C2C7Cobb => "C2-C7 Cobb角",
        Quantity::C2C6Cobb => "C2-C6 Cobb角",
        Quantity::C2Slope => "C2倾斜角",
        Quantity::C7Slope => "C7倾斜角",
        Quantity::Sva => "SVA",
        Quantity::SegmentalAngle => "节段角",
        Quantity::SlipDistance => "滑移距离",
        Quantity::SlipAngle => "滑移角",
        Quantity::Sdvb => "椎体矢状径",
        Quantity::Sdvc => "椎管矢状径",
        Quantity::Pavlov => "Pavlov比值",
        Quantity::DiscHeightAnterior | Quantity::DiscHeightMiddle | Quantity::DiscHeightPosterior => "椎间隙高度",
        Quantity::BodyWedge => "椎体楔形角",
    }
}

fn because(why: &Obstacle) -> String {
    let names: Vec<_> = why.vertebrae.iter().map(|v| v.name().to_owned()).collect();
    let of = |otherwise: &str| if names.is_empty() { otherwise.to_owned() } else { joined(&names) };
    let cause = match why.cause {
        Cause::NotFound => format!("未检出{}", of("所需标志点")),
        Cause::SideUnknown => "无法确定患者朝向".into(),
        Cause::Contradiction => format!("{}的标志点相互矛盾", of("颈椎")),
        Cause::NoSpacing => "无可靠的像素间距，不能换算毫米".into(),
        Cause::Coincident => "标志点重合".into(),
        Cause::C7Hidden => "C7被遮挡".into(),
        Cause::LowConfidence => format!("{}标志点的置信度过低", of("所需")),
        Cause::HardlyKnown => "置信区间过宽".into(),
    };
    format!("{}片{cause}", short(why.film))
}

fn degrees(number: &Number) -> String {
    quantified(number, "°", 1)
}

fn millimetres(number: &Number) -> String {
    quantified(number, " mm", 1)
}

fn ratio_of(number: &Number) -> String {
    quantified(number, "", 2)
}

fn quantified(number: &Number, unit: &str, decimals: usize) -> String {
    let (low, high) = number.estimate.ci90();
    let [value, low, high] = [number.estimate.value(), low, high].map(|x| written(x, decimals));
    let doubt = if number.doubt.is_some() { "，不可靠" } else { "" };
    format!("{value}{unit}（90%区间{low}至{high}{doubt}）")
}

/// One more word inside the brackets of a number.
fn beside(number: &str, more: &str) -> String {
    format!("{}，{more}）", number.trim_end_matches('）'))
}

fn levels_of(levels: &[Level]) -> String {
    joined(&levels.iter().map(ToString::to_string).collect::<Vec<_>>())
}

fn joined(all: &[String]) -> String {
    if all.is_empty() { "无".into() } else { all.join("、") }
}
