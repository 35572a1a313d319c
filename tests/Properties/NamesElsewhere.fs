module Properties.NamesElsewhere

open System
open System.IO
open System.Reflection
open System.Text.RegularExpressions
open Xunit
open Ad.Functional

let rec private root (folder: string) =
    if File.Exists(Path.Combine(folder, "Functional.sln")) then
        folder
    else
        match Directory.GetParent folder with
        | null -> failwith "The tests run within the repository."
        | parent -> root parent.FullName

/// The names in the column "here" of a page's tables.
let private named (page: string) =
    File.ReadAllLines page
    |> Seq.filter (fun line -> line.StartsWith "| ")
    |> Seq.collect (fun line -> Regex.Matches(line.Split('|')[2], "`([^`]+)`"))
    |> Seq.map (fun name -> name.Groups[1].Value)
    |> Seq.toList

/// All public functions, by module and name, and those of opened modules by name alone. C# sees some with a capital letter.
let private known =
    let kernel = typeof<Key>.Assembly

    set
        [ for each in kernel.GetExportedTypes() do
              let isOpen =
                  each.GetCustomAttributes<AutoOpenAttribute>() |> Seq.isEmpty |> not
                  || kernel.GetCustomAttributes<AutoOpenAttribute>()
                     |> Seq.exists (fun opened -> String.Equals(opened.Path, each.FullName))

              let owner = Regex.Replace(each.Name, "Module$", "")

              for m in each.GetMembers(BindingFlags.Public ||| BindingFlags.Static) do
                  let name = $"{Char.ToLowerInvariant m.Name[0]}{m.Name[1..]}"
                  $"{owner}.{name}"

                  if isOpen then
                      name ]

[<Fact>]
let ``every name on the page of names elsewhere is a function of the library`` () =
    let page = Path.Combine(root AppContext.BaseDirectory, "docs", "guide", "16-names-elsewhere.md")

    let names = named page
    Assert.True(names.Length > 150, $"{names.Length} names were found on the page.")
    let missing = names |> List.filter (fun name -> not (known.Contains name))
    Assert.Equal("", String.Join(", ", missing))
