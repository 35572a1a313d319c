namespace Ad.Functional

open System
open System.Collections.Concurrent
open System.Threading
open Ad.Tensors

/// A program made ready for a device, with the form of the listings that it computes.
type internal Ready =
    { Form: Form
      Device: Device
      Program: Program
      Executable: Executable }

/// Finds the program of a listing without writing it out, if one of its form has been run before.
[<RequireQualifiedAccess>]
module internal Ready =
    // As many as a device keeps programs; beyond it all are forgotten rather than kept without end.
    let private most = 4096

    let private known = ConcurrentDictionary<int64, Ready[]>()
    let mutable private count = 0

    let private keep hash (ready: Ready) =
        if Interlocked.Increment &count > most then
            Volatile.Write(&count, 1)
            known.Clear()

        known.AddOrUpdate(hash, (fun _ -> [| ready |]), (fun _ others -> Array.append others [| ready |]))
        |> ignore

    /// Writes and prepares a listing's program, without looking for one.
    let make (device: Device) (listing: Listing) : Ready =
        let program = listing.Lower(device, false).Program

        { Form = listing.Form device
          Device = device
          Program = program
          Executable = device.Prepare program }

    /// The program of a listing, ready to run on its arguments.
    let find (device: Device) (listing: Listing) : Ready =
        let fits (ready: Ready) = obj.ReferenceEquals(ready.Device, device) && listing.Has(device, ready.Form)

        let seen =
            match known.TryGetValue listing.Hash with
            | true, others -> others |> Array.tryFind fits
            | _ -> None

        match seen with
        | Some ready -> ready
        | None ->
            let ready = make device listing
            keep listing.Hash ready
            ready
