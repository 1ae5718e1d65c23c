"""What make_method_goldens.py's values are held against: plain formulas, merged weights, the base model, and PEFT."""

import torch
from peft import AdaLoraConfig, LoraConfig, PrefixTuningConfig, get_peft_model
from peft.optimizers import create_loraplus_optimizer

import golden_values
import lora_sites
import method_modules
import method_prefixes
import plain_models
import small_models


def relative_error(value, truth):
    return (torch.linalg.vector_norm(value.detach() - truth) / (torch.linalg.vector_norm(truth) or 1.0)).item()


def check(folder, batch, name, method, values):
    """Name of a check -> the largest relative error; every one is asserted to be small."""
    init = part(values, "init")
    errors = {}
    if "adapters" in method or "prefix" in method:
        errors["plain_formulas"] = check_plain(folder, batch, method, values, init)
    if "kind" in method and "prefix" not in method:
        errors["merged_weights"] = check_merged(folder, batch, method, values, init)
    if any(key.startswith("start.") for key in values) and name != "pissa" and "prefix" not in method:
        errors["start_is_base"] = check_start(folder, batch, values)
    on_llama = folder.name.startswith("llama")
    if name == "dora" and on_llama:
        errors["peft"] = check_dora(folder, batch, method, values, init)
    if name == "adalora" and on_llama:
        errors["peft"] = check_adalora(folder, batch, method, values, init)
    if name == "lora_plus" and on_llama:
        errors["peft"] = check_lora_plus(folder, batch, method, values, init)
    if name == "prefix_kv":
        errors["peft"] = check_prefix(folder, batch, values, init)
    if name == "pissa" and on_llama:
        errors["peft_fp32"] = check_pissa(folder, method, values)
    for key, error in errors.items():
        # PEFT takes PiSSA's singular vectors in fp32 only.
        assert error < (1e-5 if key == "peft_fp32" else 1e-10), f"{folder.name} {name}: {key} differs by {error:.1e}"
    return errors


def part(values, first):
    """The tensors whose name starts with `first.`, without that word."""
    return {name.removeprefix(f"{first}."): value for name, value in values.items() if name.startswith(f"{first}.")}


def check_plain(folder, batch, method, values, init):
    model = small_models.load(folder)
    tensors = {name: tensor.double().requires_grad_(True) for name, tensor in init.items()}
    prefixes = {name: tensor for name, tensor in tensors.items() if not name.endswith(("lora_A", "lora_B"))}
    if len(prefixes) < len(tensors):
        # Plain formulas know no LoRA; merged weights are the same thing.
        merge(model, tensors, method)
    model.requires_grad_(False)
    logits = plain_models.forward(model, batch, prefixes, method.get("activation"))
    small_models.loss_of(logits, method_prefixes.extended(batch, prefixes)).backward()
    gradients = [relative_error(tensor.grad, values[f"grad.{name}"]) for name, tensor in prefixes.items()]
    return max(relative_error(logits, values["logits"]), *gradients)


def check_merged(folder, batch, method, values, init):
    model = small_models.load(folder)
    merge(model, init, method)
    with torch.no_grad():
        return relative_error(small_models.forward(model, batch), values["logits"])


@torch.no_grad()
def merge(model, tensors, method):
    for (layer, site), group in method_modules.groups_of(tensors).items():
        if "lora_A" not in group:
            continue
        group = {leaf: tensor.double() for leaf, tensor in group.items()}
        weight = method_modules.site_weight(model, layer, site)
        middle = torch.diag(group["lora_E"]) if "lora_E" in group else torch.eye(method["r"], dtype=weight.dtype)
        merged = weight + method["alpha"] / method["r"] * group["lora_B"] @ middle @ group["lora_A"]
        if "magnitude" in group:
            merged = group["magnitude"][:, None] * merged / merged.norm(dim=1, keepdim=True)
        weight.copy_(merged)


def check_start(folder, batch, values):
    model = small_models.load(folder)
    with torch.no_grad():
        loss = small_models.loss_of(small_models.forward(model, batch), batch)
    return relative_error(values["losses"][0], loss)


def peft_modules(base, sites):
    """(layer, site) -> PEFT's module in place of it."""
    layers = range(len(base.model.layers))
    return {
        (layer, site): base.model.layers[layer].get_submodule(lora_sites.LLAMA_MODULES[site])
        for layer in layers
        for site in sites
    }


def peft_model(folder, method, **settings):
    base = small_models.load(folder)
    targets = [lora_sites.LLAMA_MODULES[site].split(".")[-1] for site in method["sites"]]
    config = LoraConfig(r=method["r"], lora_alpha=method["alpha"], target_modules=targets, **settings)
    model = get_peft_model(base, config, autocast_adapter_dtype=False).double().eval()
    parameters = {}
    for (layer, site), module in peft_modules(base, method["sites"]).items():
        name = f"layers.{layer}.{site}"
        parameters[f"{name}.lora_A"] = module.lora_A["default"].weight
        parameters[f"{name}.lora_B"] = module.lora_B["default"].weight
        if settings.get("use_dora"):
            parameters[f"{name}.magnitude"] = module.lora_magnitude_vector["default"].weight
    return model, parameters


@torch.no_grad()
def copy_into(parameters, tensors):
    for name, parameter in parameters.items():
        parameter.copy_(tensors[name].reshape(parameter.shape))


def train(model, batch, optimizer, loss_of, after_step=lambda step: None):
    losses = []
    for step in range(golden_values.STEPS):
        loss, objective = loss_of(model, batch)
        objective.backward()
        optimizer.step()
        after_step(step)
        optimizer.zero_grad()
        losses.append(loss.detach())
    return torch.stack(losses)


def plain_loss(model, batch):
    loss = small_models.loss_of(small_models.forward(model, batch), batch)
    return loss, loss


def trained_errors(parameters, losses, values):
    finals = [relative_error(p.reshape(values[f"final.{name}"].shape), values[f"final.{name}"]) for name, p in parameters.items()]
    return max(relative_error(losses, values["losses"]), *finals)


def check_dora(folder, batch, method, values, init):
    model, parameters = peft_model(folder, method, use_dora=True)
    starts = part(values, "start")
    # PEFT's own magnitudes are those of the start.
    own = max(relative_error(p, starts[name]) for name, p in parameters.items() if name.endswith("magnitude"))
    copy_into(parameters, init)
    logits = small_models.forward(model, batch)
    small_models.loss_of(logits, batch).backward()
    gradients = [relative_error(parameter.grad, values[f"grad.{name}"]) for name, parameter in parameters.items()]
    model.zero_grad()
    copy_into(parameters, {**init, **starts})
    optimizer = torch.optim.AdamW(parameters.values(), lr=method["lr"], foreach=False, **golden_values.ADAMW)
    losses = train(model, batch, optimizer, plain_loss)
    return max(own, relative_error(logits, values["logits"]), *gradients, trained_errors(parameters, losses, values))


def check_lora_plus(folder, batch, method, values, init):
    model, parameters = peft_model(folder, method)
    copy_into(parameters, {**init, **part(values, "start")})
    # PEFT takes the weight decay from an argument of its own, 0 where it is not given.
    settings = {**golden_values.ADAMW, "loraplus_weight_decay": golden_values.ADAMW["weight_decay"]}
    optimizer = create_loraplus_optimizer(
        model, torch.optim.AdamW, lr=method["lr"], loraplus_lr_ratio=method["lr_ratio"], foreach=False, **settings
    )
    return trained_errors(parameters, train(model, batch, optimizer, plain_loss), values)


def check_adalora(folder, batch, method, values, init):
    base = small_models.load(folder)
    targets = [lora_sites.LLAMA_MODULES[site].split(".")[-1] for site in method["sites"]]
    # Without a task type PEFT's forward goes past AdaLoraModel, and with it past the regulariser.
    settings = dict(task_type="CAUSAL_LM", target_modules=targets, **method["ranks"])
    config = AdaLoraConfig(init_r=method["r"], lora_alpha=method["alpha"], **settings)
    model = get_peft_model(base, config, autocast_adapter_dtype=False).double().eval()
    # PEFT would compute the cross-entropy in fp32.
    base.loss_function = lambda logits, labels, **rest: torch.nn.functional.cross_entropy(logits[0, :-1], labels[0, 1:])
    parameters = {}
    for (layer, site), module in peft_modules(base, method["sites"]).items():
        for leaf in ("lora_A", "lora_B", "lora_E"):
            parameters[f"layers.{layer}.{site}.{leaf}"] = getattr(module, leaf)["default"]
        # PEFT divides by ranknum + 1e-5.
        module.ranknum["default"].data.fill_(method["r"] - 1e-5)

    def loss_of(model, batch):
        """PEFT adds the regulariser to every line's loss; the lines' shares sum to 1."""
        total = sum(len(line["target_ids"]) for line in batch)
        loss = objective = 0.0
        for line in batch:
            ids = torch.tensor([line["prompt_ids"] + line["target_ids"]])
            labels = ids.clone()
            labels[0, : len(line["prompt_ids"])] = -100
            outputs = model(input_ids=ids, labels=labels, use_cache=False)
            share = len(line["target_ids"]) / total
            objective = objective + share * outputs.loss
            loss = loss + share * small_models.loss_of(outputs.logits[0], [line]).detach()
        return loss, objective

    copy_into(parameters, init)
    loss, objective = loss_of(model, batch)
    objective.backward()
    gradients = [relative_error(p.grad.reshape(init[name].shape), values[f"grad.{name}"]) for name, p in parameters.items()]
    model.zero_grad()

    copy_into(parameters, {**init, **part(values, "start")})
    optimizer = torch.optim.AdamW(parameters.values(), lr=method["lr"], foreach=False, **golden_values.ADAMW)
    losses = train(model, batch, optimizer, loss_of, model.base_model.update_and_allocate)
    pattern = model.peft_config["default"].rank_pattern
    ranks = [
        sum(pattern[f"model.layers.{layer}.{lora_sites.LLAMA_MODULES[site]}.lora_E.default"])
        for layer, site in peft_modules(base, method["sites"])
    ]
    assert ranks == values["ranks"].tolist(), f"PEFT keeps {ranks}"
    return max(relative_error(loss, values["loss"][0]), *gradients, trained_errors(parameters, losses, values))


def check_prefix(folder, batch, values, init):
    """PREFIX_TUNING without projection: one row per virtual token, key then value of layer 0, then of layer 1, ...

    No difference is left: the cache counts as that many tokens seen, so that in both families the sequence's own positions
    start at their number, and the keys are used as stored, without RoPE.
    """
    base = small_models.load(folder)
    config = PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=method_prefixes.PREFIX)
    model = get_peft_model(base, config, autocast_adapter_dtype=False).double().eval()
    table = model.prompt_encoder["default"].embedding.weight
    with torch.no_grad():
        table.copy_(torch.cat([tensor.double() for tensor in init.values()], dim=1))
    logits = small_models.forward(model, batch)
    small_models.loss_of(logits, batch).backward()
    gradient = torch.cat([values[f"grad.{name}"] for name in init], dim=1)
    return max(relative_error(logits, values["logits"]), relative_error(table.grad, gradient))


def check_pissa(folder, method, values):
    base = small_models.load(folder, torch.float32)
    targets = [lora_sites.LLAMA_MODULES[site].split(".")[-1] for site in method["sites"]]
    config = LoraConfig(r=method["r"], lora_alpha=method["alpha"], target_modules=targets, init_lora_weights="pissa")
    get_peft_model(base, config)
    errors = []
    for (layer, site), module in peft_modules(base, method["sites"]).items():
        product = method["alpha"] / method["r"] * module.lora_B["default"].weight @ module.lora_A["default"].weight
        errors.append(relative_error(product.double(), values[f"start.layers.{layer}.{site}.product"]))
    return max(errors)
