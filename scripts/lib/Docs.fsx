// Verifies that what README and docs show is what runs: every fsharp and csharp block stands, line for line, in a script, and every
// text and mermaid block in a script's recorded output.

open System
open System.IO
open System.Text.RegularExpressions

let root = Path.GetFullPath(Path.Combine(__SOURCE_DIRECTORY__, "..", ".."))
let read (file: string) = File.ReadAllText(file).Replace("\r", "")

let scripts extension =
    Directory.GetFiles(Path.Combine(root, "scripts"), "*." + extension)
    |> Array.map read

let recorded =
    Array.append (scripts "fsx") (scripts "cs")
    |> Array.map (fun text ->
        Regex.Matches(text, "^ *//> ?(.*)$", RegexOptions.Multiline)
        |> Seq.map (fun m -> m.Groups[1].Value)
        |> String.concat "\n")

let sources =
    Map
        [ "fsharp", scripts "fsx"
          "csharp", scripts "cs"
          "text", recorded
          "mermaid", recorded ]

let pages =
    Array.append
        (Directory.GetFiles(root, "*.md"))
        (Directory.GetFiles(Path.Combine(root, "docs"), "*.md", SearchOption.AllDirectories))

let blocks =
    [ for page in pages do
          for m in
              Regex.Matches(
                  read page,
                  @"^```(\w*)\n(.*?)^```$",
                  RegexOptions.Multiline ||| RegexOptions.Singleline
              ) do
              Path.GetRelativePath(root, page), m.Groups[1].Value, m.Groups[2].Value.Trim '\n' ]

/// A block stands in a text if its lines do, one after another.
let standsIn (block: string) (text: string) = ("\n" + text + "\n").Contains("\n" + block + "\n")

let strangers =
    blocks
    |> List.filter (fun (_, language, block) ->
        match Map.tryFind language sources with
        | Some texts -> not (Array.exists (standsIn block) texts)
        | None -> language = "")

for page, language, block in strangers do
    let name =
        if language = "" then
            "block without a language"
        else
            $"{language} block"

    printfn $"FAILED {page}: no script has this {name}:\n{block}\n"

// A link to a file that is not there.
let dead =
    [ for page in pages do
          for m in Regex.Matches(read page, @"\]\(([^)#:]+)(#[^)]*)?\)") do
              let target = Path.Combine(string (Path.GetDirectoryName page), m.Groups[1].Value)

              if not (File.Exists target || Directory.Exists target) then
                  Path.GetRelativePath(root, page), m.Groups[1].Value ]

for page, target in dead do
    printfn $"FAILED {page}: there is no {target}"

if strangers.IsEmpty && dead.IsEmpty then
    let shown = blocks |> List.filter (fun (_, language, _) -> sources.ContainsKey language)
    printfn $"ok {shown.Length} blocks in README and docs"
else
    exit 1
