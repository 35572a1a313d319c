module Properties.CSharpNames

open System
open System.Reflection
open System.Text.RegularExpressions
open Xunit
open Ad.Functional

let private kernel = typeof<Key>.Assembly
let private statics = BindingFlags.Public ||| BindingFlags.Static

/// The names in the namespace made for C#, without regard to case, and those of a tensor's own members and operators.
let private known =
    set
        [ for each in kernel.GetExportedTypes() do
              if each.Namespace = "Ad.Functional.CSharp" then
                  for m in each.GetMembers statics do
                      m.Name.ToLowerInvariant()

          for m in typeof<Tensor>.GetMembers(statics ||| BindingFlags.Instance) do
              Regex.Replace(m.Name, "^get_", "").ToLowerInvariant() ]

/// Functions that C# has under another name, and which.
let private renamed =
    Map
        [ "Tensor.cast", "Cast"
          "Tensor.identity", "Identity is the tensor itself"
          "Tensor.broadcastTo", "BroadcastTo"
          "Tensor.sliceAxis", "Slice with an axis"
          "Tensor.maxPool", "MaxPool"
          "Tensor.avgPool", "AveragePool"
          "Stats.norm", "Norm with p and axes"
          "Stats.varianceOver", "UnbiasedVariance"
          "Diff.grad", "Gradient"
          "Diff.valueAndGrad", "ValueAndGradient"
          "Control.whileLoop", "While"
          "Control.whileLoopUpTo", "WhileUpTo"
          "Transforms.vmapAxes", "Vmap with axes"
          "Sparse.jacobian", "SparseJacobian"
          "Sparse.hessian", "SparseHessian"
          "Forward.gradient", "ForwardGradient" ]

/// Functions that need no name of their own in C#, and why.
let private unneeded =
    Map
        [ "Sparse.pattern",
          "takes a function and gives plain arrays: callable as it is but for the function, which SparseJacobian takes"
          "Sparse.toDense", "takes and gives what C# knows: Sparse.toDense(m) is a call"
          "Tensor.rank", "x.Rank"
          "Tensor.dtype", "x.DType" ]

let private moduleName (owner: Type) = Regex.Replace(owner.Name, "Module$", "")

let private name (m: MethodInfo) (owner: Type) =
    $"{moduleName owner}.{Char.ToLowerInvariant m.Name[0]}{m.Name[1..]}"

/// Whether C# has it: by the name alone, or by that of the function that takes axes as well.
let private isKnown (m: MethodInfo) =
    let lower = m.Name.ToLowerInvariant()

    known.Contains lower
    || (lower.EndsWith "over" && known.Contains(lower[.. lower.Length - 5]))

let private functions =
    [ for each in kernel.GetExportedTypes() do
          match moduleName each with
          | "Tensor"
          | "Linalg"
          | "Fourier"
          | "Ordering"
          | "Stats"
          | "Diff"
          | "Transforms"
          | "Jacobians"
          | "Control"
          | "Implicit"
          | "Sparse" when each.IsAbstract && each.IsSealed && each.Namespace = "Ad.Functional" ->
              for m in each.GetMethods statics do
                  if not m.IsSpecialName && m.DeclaringType = each then
                      m, name m each
          | _ -> () ]

[<Fact>]
let ``every public function of tensors and every transform has a name in C#`` () =
    Assert.True(functions.Length > 150, $"{functions.Length} functions were found.")

    let missing =
        functions
        |> List.filter (fun (m, name) ->
            not (isKnown m || renamed.ContainsKey name || unneeded.ContainsKey name))
        |> List.map snd

    Assert.Equal("", String.Join(", ", missing))

[<Fact>]
let ``what is said to have another name in C#, or to need none, is a function of the library`` () =
    let all = functions |> List.map snd |> set

    let said =
        Seq.append renamed.Keys unneeded.Keys
        |> Seq.filter (fun name -> not (name.StartsWith "Forward."))

    Assert.Equal("", String.Join(", ", said |> Seq.filter (fun name -> not (all.Contains name))))
