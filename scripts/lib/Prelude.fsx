// The built kernel and its checks, for the scripts one folder up: dotnet build -c Release makes them.
#r "../../src/Ad.Checks/bin/Release/net10.0/Ad.Tensors.dll"
#r "../../src/Ad.Checks/bin/Release/net10.0/Ad.Functional.dll"
#r "../../src/Ad.Checks/bin/Release/net10.0/Ad.Checks.dll"
#r "../../src/Ad.Checks/bin/Release/net10.0/FsCheck.dll"
