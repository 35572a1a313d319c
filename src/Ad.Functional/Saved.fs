namespace Ad.Functional

open System.Collections.Generic
open System.IO
open Ad.Tensors

/// <summary>Trees in files: safetensors, which other tools read, with each tensor under its path in the tree.</summary>
[<RequireQualifiedAccess>]
module Saved =
    // A lone tensor has no path, and a name must not be empty.
    let private nameOf path = if path = "" then "value" else path

    /// Every tensor of a tree, computed, under its path, such as Layers.0.Weights; a lone tensor is called value.
    [<CompiledName("ToStorages")>]
    let toStorages (tree: 'a) : IReadOnlyList<KeyValuePair<string, HostStorage>> =
        [| for path, leaf in Tree.named (Tree.eval tree) -> KeyValuePair(nameOf path, leaf.Host) |]

    /// <summary>A tree like the template with the named tensors in place of its own.</summary>
    /// <exception cref="T:System.IO.InvalidDataException">One is missing, or has another shape or type; the message names it.</exception>
    [<CompiledName("OfStorages")>]
    let ofStorages (tensors: KeyValuePair<string, HostStorage> seq) (template: 'a) : 'a =
        let tensors = Dictionary tensors

        let find (path, like: Tensor) =
            match tensors.TryGetValue(nameOf path) with
            | true, stored when stored.Type = like.DType && stored.Shape = like.Shape ->
                Tensor.OfStorage(like.Device.Place stored)
            | true, stored ->
                raise (
                    InvalidDataException
                        $"{nameOf path} is {stored.Type.Name()}{stored.Shape}, but must be {like.Signature}."
                )
            | _ -> raise (InvalidDataException $"{nameOf path} is missing.")

        Tree.withLeaves (Array.map find (Tree.named template)) template

    /// <summary>Writes a tree to a file, which is replaced as a whole or not at all.</summary>
    [<CompiledName("Write")>]
    let write (path: string) (tree: 'a) : unit = Safetensors.Write(path, toStorages tree, null)

    /// <summary>Reads a tree like the template from a file.</summary>
    /// <exception cref="T:System.IO.InvalidDataException">The file is damaged, or does not hold such a tree; the message names both.</exception>
    /// <exception cref="T:System.IO.FileNotFoundException">There is no such file.</exception>
    [<CompiledName("Read")>]
    let read (path: string) (template: 'a) : 'a =
        let struct (tensors, _) = Safetensors.Read path

        try
            ofStorages tensors template
        with :? InvalidDataException as error ->
            raise (InvalidDataException($"{path}: {error.Message}", error))
