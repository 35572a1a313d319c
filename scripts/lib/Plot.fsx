// Pictures of lines as SVG, for the scripts one folder up: text that is the same for the same numbers.

open System
open System.Globalization
open System.IO
open System.Text

type Line =
    { Name: string
      Points: (float * float) list }

let private colours =
    [ "#1f5fa8"
      "#c4501b"
      "#2e7d32"
      "#7b3fa0"
      "#a0741b"
      "#00838f"
      "#ad1457"
      "#555555" ]

/// Lines over two axes with their least and greatest values, each name at the end of its line.
let svg (title: string) (across: string) (up: string) (lines: Line list) =
    let all =
        lines
        |> List.collect _.Points
        |> List.filter (fun (x, y) -> Double.IsFinite x && Double.IsFinite y)

    let range f = all |> List.map f |> List.min, all |> List.map f |> List.max
    let (left, right), (low, high) = range fst, range snd
    let scale (a, b) (from, until) v = from + (v - a) / (if b > a then b - a else 1.0) * (until - from)
    let number (v: float) = v.ToString("0.#", CultureInfo.InvariantCulture)
    let short (v: float) = v.ToString("G3", CultureInfo.InvariantCulture)

    let at (x, y) =
        $"{number (scale (left, right) (70.0, 560.0) x)},{number (scale (low, high) (380.0, 50.0) y)}"

    let text = StringBuilder()
    let add (s: string) = text.AppendLine s |> ignore

    add
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 720 430\" font-family=\"sans-serif\" font-size=\"13\" role=\"img\">"

    add $"<title>{title}</title>"
    add "<rect width=\"720\" height=\"430\" fill=\"#ffffff\"/>"
    add $"<text x=\"70\" y=\"28\" font-size=\"16\">{title}</text>"
    add "<path d=\"M70,50 V380 H560\" fill=\"none\" stroke=\"#999999\"/>"

    for v, x in [ left, 70; right, 560 ] do
        add $"<text x=\"{x}\" y=\"398\" text-anchor=\"middle\" fill=\"#555555\">{short v}</text>"

    for v, y in [ low, 380; high, 54 ] do
        add $"<text x=\"64\" y=\"{y}\" text-anchor=\"end\" fill=\"#555555\">{short v}</text>"

    add $"<text x=\"315\" y=\"420\" text-anchor=\"middle\">{across}</text>"
    add $"<text x=\"20\" y=\"215\" text-anchor=\"middle\" transform=\"rotate(-90 20 215)\">{up}</text>"

    for i, line in List.indexed lines do
        let colour = colours[i % colours.Length]

        let points =
            line.Points
            |> List.filter (fun (x, y) -> Double.IsFinite x && Double.IsFinite y)

        let places = points |> List.map at |> String.concat " "
        add $"<polyline points=\"{places}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
        add $"<text x=\"570\" y=\"{60 + 18 * i}\" fill=\"{colour}\">{line.Name}</text>"

    add "</svg>"
    text.ToString()

/// Writes a picture beside the guide's pages.
let draw (file: string) title across up lines =
    let folder = Path.Combine(__SOURCE_DIRECTORY__, "..", "..", "docs", "pictures")
    Directory.CreateDirectory folder |> ignore
    File.WriteAllText(Path.Combine(folder, file), svg title across up lines)

/// A path in a panel of its own, by its name.
type Panel =
    { Title: string
      Path: (float * float) list }

/// Panels in rows of so many, all over the same level lines and ranges; what leaves them is cut off.
let panels
    (title: string)
    (perRow: int)
    (left, right)
    (low, high)
    (levels: (float * float) list list)
    (all: Panel list)
    =
    let width, height, top = 150.0, 120.0, 40.0
    let rows = (all.Length + perRow - 1) / perRow
    let number (v: float) = v.ToString("0.#", CultureInfo.InvariantCulture)
    let text = StringBuilder()
    let add (s: string) = text.AppendLine s |> ignore
    let wide, tall = 10.0 + width * float perRow, top + height * float rows

    add
        $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {number wide} {number tall}\" font-family=\"sans-serif\" font-size=\"11\" role=\"img\">"

    add $"<title>{title}</title>"
    add $"<rect width=\"{number wide}\" height=\"{number tall}\" fill=\"#ffffff\"/>"
    add $"<text x=\"10\" y=\"24\" font-size=\"16\">{title}</text>"

    let line colour weight points =
        let place (px, py) =
            $"{number ((px - left) / (right - left) * 140.0)},{number ((high - py) / (high - low) * 96.0)}"

        let isNear (a, b) = Double.IsFinite a && Double.IsFinite b && abs a < 1e3 && abs b < 1e3
        let places = points |> List.filter isNear |> List.map place |> String.concat " "
        add $"<polyline points=\"{places}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{weight}\"/>"

    add "<defs><clipPath id=\"panel\"><rect width=\"140\" height=\"96\"/></clipPath><g id=\"levels\">"

    for level in levels do
        line "#cccccc" "0.7" level

    add "</g></defs>"

    for i, panel in List.indexed all do
        let x, y = 10.0 + width * float (i % perRow), top + height * float (i / perRow)
        add $"<g transform=\"translate({number x},{number y})\">"
        add $"<text y=\"10\">{panel.Title}</text>"
        add "<g transform=\"translate(0,14)\" clip-path=\"url(#panel)\">"
        add "<rect width=\"140\" height=\"96\" fill=\"none\" stroke=\"#cccccc\"/><use href=\"#levels\"/>"
        line "#1f5fa8" "1.3" panel.Path
        add "</g></g>"

    add "</svg>"
    text.ToString()

/// A picture of grey squares, from black for 0 to white for 1.
let greys (title: string) (pixels: float[][]) =
    let text = StringBuilder()
    let add (s: string) = text.AppendLine s |> ignore
    let wide, tall = 6 * pixels[0].Length, 6 * pixels.Length + 30

    add
        $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide} {tall}\" font-family=\"sans-serif\" role=\"img\">"

    add $"<title>{title}</title>"
    add $"<rect width=\"{wide}\" height=\"{tall}\" fill=\"#ffffff\"/>"
    add $"<text x=\"4\" y=\"20\" font-size=\"14\">{title}</text>"

    // One path for each of sixteen greys.
    let placed =
        [ for r, row in Array.indexed pixels do
              for c, v in Array.indexed row do
                  int (15.0 * max 0.0 (min 1.0 v)), (r, c) ]

    add "<g transform=\"translate(0,30) scale(6)\">"

    for grey, those in List.groupBy fst placed |> List.sortBy fst do
        let squares = those |> List.map (fun (_, (r, c)) -> $"M{c},{r}h1v1h-1z") |> String.concat ""
        add $"<path fill=\"#{17 * grey:x2}{17 * grey:x2}{17 * grey:x2}\" d=\"{squares}\"/>"

    add "</g>"
    add "</svg>"
    text.ToString()

/// Writes text beside the guide's pages.
let write (file: string) (content: string) =
    let folder = Path.Combine(__SOURCE_DIRECTORY__, "..", "..", "docs", "pictures")
    Directory.CreateDirectory folder |> ignore
    File.WriteAllText(Path.Combine(folder, file), content)
