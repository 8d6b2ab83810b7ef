// Attacks of a hostile page. Each returns what it has read, or throws; `seen` waits until an element is loaded.
async target => {
    const post = { method: "POST", body: "{}" }, hidden = { mode: "no-cors" };
    const json = { headers: { "Content-Type": "application/json" } };
    const image = new Blob([new Uint8Array(1e6)], { type: "image/png" });
    const form = new FormData(); form.append("files", image);
    const text = async (path, options) => (await fetch(target + path, options)).text();
    const seen = (tag, values) => new Promise((resolve, reject) => {
        const element = Object.assign(document.createElement(tag), values);
        element.onload = () => resolve(element); element.onerror = reject;
        document.body.append(element);
    });
    const opened = (socket) => new Promise((resolve, reject) => {
        socket.onopen = () => resolve("open"); socket.onerror = reject;
    });
    const attacks = {
        json: () => text("api/nets", { ...post, ...json }),
        text: () => text("api/nets", { ...post, ...hidden }),
        simple: () => text("api/nets", post),
        picture: () => text("api/predict", { method: "POST", body: image }),
        "picture as text": () => text("api/predict", { method: "POST", body: image, ...hidden }),
        upload: () => text("gradio_api/upload", { method: "POST", body: form, ...hidden }),
        read: () => text("", {}),
        "read without cors": () => text("page/page.js", hidden),
        script: async () => (await seen("script", { src: target + "page/page.js" })).src,
        module: async () => (await seen("script", { src: target + "page/page.js", type: "module" })).src,
        style: async () => (await seen("link", { href: target + "page/page.css", rel: "stylesheet" })).href,
        frame: async () => (await seen("iframe", { src: target })).contentDocument.title,
        sandbox: async () => {
            const source = `<script>fetch("${target}api/nets", {method: "POST", body: "{}"})
                .then((reply) => parent.postMessage("read", "*"), () => parent.postMessage("", "*"))`;
            const told = new Promise((resolve) => addEventListener("message", (e) => resolve(e.data)));
            await seen("iframe", { srcdoc: source + "</script>", sandbox: "allow-scripts" });
            return told;
        },
        form: async () => {
            const frame = await seen("iframe", { name: "answer" });
            const loaded = new Promise((resolve) => { frame.onload = resolve; });
            const fields = { action: target + "api/nets", method: "post", target: "answer" };
            const sender = Object.assign(document.createElement("form"), fields);
            sender.enctype = "text/plain";
            document.body.append(sender); sender.submit(); await loaded;
            return frame.contentDocument.body.textContent;
        },
        beacon: () => { navigator.sendBeacon(target + "api/nets", "{}"); return ""; },
        socket: () => opened(new WebSocket(target.replace("http", "ws") + "api/nets")),
        events: () => opened(new EventSource(target + "api/nets")),
        window: async () => {
            const other = open(target);
            await new Promise((resolve) => setTimeout(resolve, 1500));
            return other.closed ? "" : other.document.title;
        },
    };
    const read = {};
    for (const [name, attack] of Object.entries(attacks)) {
        try { read[name] = await attack(); } catch (error) { read[name] = ""; }
    }
    return read;
}
