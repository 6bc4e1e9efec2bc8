ui.start();
